#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "polder/kernels/ladder/passes.h"

/// The ladder: what SAM itself does to the weights, outside its two gradient passes, from the way
/// one writes it first to the fewest bytes. Every rung adds one idea and gives the same weights.
/// Bytes for each float32 weight, with the plain metric, no mask and SGD with momentum (AdamW moves
/// 8 more, a naive one 52 more), and launches for S tensors:
///
///   rung               norm  ascent  restore  update  bytes  launches   its idea
///   naive                20      44        8      52    124     ~20 S   one general function after
///                                                                       the other
///   tensor by tensor      4      16        8      20     48       5 S   one kernel for each pass,
///                                                                       16 bytes at a time
///   multi-tensor          4      16        8      20     48         6   one launch for all tensors
///   flat                  4      16        0      20     40         5   all weights are one array;
///                                                                       the update reads the
///                                                                       backup
///   twin                  4      12        0      20     36         5   w + eps goes to a second
///                                                                       array: nothing to restore
///   one launch            4       8        0      20     32         2   norm and ascent in one
///                                                                       cooperative launch, which
///                                                                       keeps the gradient on chip
///
/// What does not fit on the chip is read a second time by the last rung: at most 4 bytes more.
namespace polder::kernels::ladder {

/// The flat arrays of one model, of one element type. Rungs change w, spare, m and v.
struct Weights {
  Tensor w, g;
  Tensor spare;  // where w is kept meanwhile, or the twin that w + eps is written to
  Tensor m, v;   // moments of the update
  Segments segments;
};

/// What a rung moves, read and written, in bytes for each float32 weight.
struct Bytes {
  double norm = 0;
  double perturb = 0;  // its own norm included
  double restore = 0;
  double sgd = 0;   // with momentum
  double adam = 0;  // Adam and AdamW
};

/// One way to make the passes of a SAM step over the weights: perturb, restore, update, in this
/// order. Scalars stay on the device, but for the naive rung's.
class Rung {
 public:
  virtual ~Rung() = default;
  virtual std::string_view name() const = 0;
  /// For an ascent of this kind. One launch: with all of g on chip.
  virtual Bytes bytes(const Ascent& ascent) const = 0;
  /// The naive rung makes ascents without masks, with one radius and one metric.
  virtual bool can(const Ascent& ascent) const;

  /// norm = ||N T g||, 0-d float64.
  virtual void norm(const Ascent& ascent, Tensor& norm) = 0;
  /// norm as above; afterwards away() is w + eps.
  virtual void perturb(const Ascent& ascent, Tensor& norm) = 0;
  /// Afterwards home() is w again, bit for bit.
  virtual void restore() = 0;
  /// See Backend::sgd_update and adam_update; afterwards `Weights::w` is the new w.
  virtual void sgd(const SgdCoefficients& coefficients, const Tensor& rate) = 0;
  virtual void adam(const AdamCoefficients& coefficients, const Tensor& rate) = 0;

  virtual const Tensor& away() const = 0;
  virtual const Tensor& home() const = 0;
};

/// Names of the rungs that a device has, lowest first: on the cpu the naive one and the twin.
std::vector<std::string_view> rungs_of(Device device);

/// The rung of that name over these arrays. `limits` keeps the launches of multi-tensor and
/// one-launch small. Throws Error when the device has no such rung, or when the arrays differ in
/// length or type.
std::unique_ptr<Rung> make_rung(std::string_view name, const Weights& weights, Limits limits = {});

}  // namespace polder::kernels::ladder
