#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "polder/kernels/backend.h"

/// The fused passes that the rungs of the ladder are built from, beside those of `Backend`.
/// Bytes are for each float32 weight: R reads 4, W writes 4.
namespace polder::kernels::ladder {

/// eps = rho M T T g / (||N T g|| + c), c = 1e-12: an ascent step with masks.
/// M is 0 where `mask` or `enabled` says 0, else 1: nothing moves there, whatever g is. N = M with
/// `masked_norm`, else 1.
struct Ascent {
  Tensor rho = {};      // 0-d, or [S]: one radius for each segment; float64
  Metric metric = {};   // T
  Tensor mask = {};     // as w: 0 or 1 for each weight; or undefined: all 1
  Tensor enabled = {};  // [S] int64: 0 or 1 for each segment; or undefined: all 1
  bool masked_norm = false;
};

/// True when no mask changes the ascent.
inline bool is_unmasked(const Ascent& ascent) {
  return !ascent.mask.defined() && !ascent.enabled.defined();
}

/// How much of the machine a launch may use at most. Results do not depend on it.
struct Limits {
  std::int64_t blocks = std::numeric_limits<std::int64_t>::max();
  std::size_t shared_bytes = std::numeric_limits<std::size_t>::max();  // dynamic, of a block
};

/// The size of a device, as far as a launch cares.
struct Machine {
  std::int64_t multiprocessors = 0;
  std::size_t shared_bytes = 0;  // largest dynamic shared memory of a block
  std::size_t cache_bytes = 0;
};

/// A piece of a tensor, for the kernels that take a list of them: a row of int64. Addresses of its
/// first weight, gradient, spare weight and moments; where it starts in the mask; its segment and
/// its length.
enum class Column : std::uint8_t { w, g, spare, m, v, offset, segment, length };
inline constexpr std::int64_t kColumns = 8;

/// A list of pieces [pieces, kColumns] on the device, and the type of their elements.
struct Table {
  Tensor rows;
  DType dtype = DType::float32;
};

/// Passes that every device has.
class Passes {
 public:
  virtual ~Passes() = default;
  /// out = ||N T g||^2, 0-d float64: R; one more R for an adaptive metric, and for N = mask.
  virtual void masked_squared_norm(const Ascent& ascent, const Segments& segments, const Tensor& w,
                                   const Tensor& g, Tensor& out) = 0;
  /// shifted = w + scale M T T g, the scale from Backend::ascent_scale: RR W, RRR W with a mask.
  virtual void masked_perturb(const Ascent& ascent, const Tensor& scale, const Segments& segments,
                              const Tensor& w, const Tensor& g, Tensor& shifted) = 0;
};

/// Passes of devices with kernels of their own.
class DevicePasses : public Passes {
 public:
  virtual Machine machine() const = 0;

  /// As masked_perturb in place; backup = the old w: RR WW, RRR WW with a mask.
  virtual void perturb_with_backup(const Ascent& ascent, const Tensor& scale,
                                   const Segments& segments, const Tensor& g, Tensor& w,
                                   Tensor& backup) = 0;
  /// Backend::sgd_update and adam_update of the weights in `from`, written to w: as many bytes.
  virtual void sgd_update_from(const SgdCoefficients& coefficients, const Tensor& rate,
                               const Tensor& g, const Tensor& from, Tensor& w,
                               Tensor& momentum) = 0;
  virtual void adam_update_from(const AdamCoefficients& coefficients, const Tensor& rate,
                                const Tensor& g, const Tensor& from, Tensor& w, Tensor& m,
                                Tensor& v) = 0;

  // One launch for a list of tensors. Each piece is the work of one block.
  /// out = ||N T g||^2.
  virtual void table_squared_norm(const Table& table, const Ascent& ascent,
                                  const Segments& segments, Limits limits, Tensor& out) = 0;
  /// spare = w; w <- w + scale M T T g: RR WW, RRR WW with a mask.
  virtual void table_perturb(const Table& table, const Ascent& ascent, const Tensor& scale,
                             const Segments& segments, Limits limits) = 0;
  /// w = spare: R W.
  virtual void table_restore(const Table& table, Limits limits) = 0;
  virtual void table_sgd(const Table& table, const SgdCoefficients& coefficients,
                         const Tensor& rate, Limits limits) = 0;
  virtual void table_adam(const Table& table, const AdamCoefficients& coefficients,
                          const Tensor& rate, Limits limits) = 0;

  /// masked_squared_norm, ascent_scale and masked_perturb in one cooperative launch, to the bit.
  /// The gradient stays on chip between the two passes, in registers and shared memory; what does
  /// not fit is walked backwards the second time, so that the cache still holds the end of it.
  /// R RW on chip, R RRW beyond; one more R for an adaptive metric, for a mask, and for N = mask.
  /// scale as rho, norm 0-d. The arrays start at multiples of 16 bytes and hold at most 2^20
  /// chunks of 8 KiB (Error).
  virtual void norm_and_perturb(const Ascent& ascent, const Segments& segments, Limits limits,
                                const Tensor& w, const Tensor& g, Tensor& scale, Tensor& norm,
                                Tensor& shifted) = 0;
};

Passes& passes_of(Device device);
/// Throws Error for the cpu.
DevicePasses& device_passes_of(Device device);

}  // namespace polder::kernels::ladder
