#include <algorithm>

#include "polder/kernels/ladder/rungs.h"

namespace polder::kernels::ladder {
namespace {

/// Elements of a piece: enough that a block is worth its start, few enough that a model has more
/// pieces than a card has multiprocessors.
constexpr std::int64_t kPiece = 65536;

std::int64_t address(const Tensor& flat, std::int64_t at) {
  const auto start = reinterpret_cast<std::uintptr_t>(flat.raw());
  return static_cast<std::int64_t>(start) + at * static_cast<std::int64_t>(size_of(flat.dtype()));
}

/// Every tensor cut into pieces.
Table table_of(const Weights& weights) {
  std::vector<std::int64_t> rows;
  const std::vector<std::int64_t>& offsets = weights.segments.host_offsets;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    for (std::int64_t at = offsets[s]; at < offsets[s + 1]; at += kPiece) {
      // In the order of `Column`.
      for (const Tensor& array : {weights.w, weights.g, weights.spare, weights.m, weights.v})
        rows.push_back(address(array, at));
      rows.insert(rows.end(),
                  {at, static_cast<std::int64_t>(s), std::min(kPiece, offsets[s + 1] - at)});
    }
  const auto pieces = static_cast<std::int64_t>(rows.size()) / kColumns;
  return {Tensor::from(rows, {pieces, kColumns}, weights.w.device()), weights.w.dtype()};
}

/// One launch for all tensors, over a table of pieces.
class MultiTensor final : public Rung {
 public:
  MultiTensor(const Weights& weights, Limits limits)
      : weights_(weights),
        limits_(limits),
        table_(table_of(weights)),
        passes_(device_passes_of(weights.w.device())),
        scale_(weights.w.device()) {}

  std::string_view name() const override { return "multi-tensor"; }
  Bytes bytes(const Ascent& ascent) const override {
    return fused_bytes(ascent, {4, 4 + 16, 8, 20, 28});
  }

  void norm(const Ascent& ascent, Tensor& norm) override { scale_of(ascent, norm); }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    passes_.table_perturb(table_, ascent, scale_of(ascent, norm), weights_.segments, limits_);
  }
  void restore() override { passes_.table_restore(table_, limits_); }
  void sgd(const SgdCoefficients& coefficients, const Tensor& rate) override {
    passes_.table_sgd(table_, coefficients, rate, limits_);
  }
  void adam(const AdamCoefficients& coefficients, const Tensor& rate) override {
    passes_.table_adam(table_, coefficients, rate, limits_);
  }
  const Tensor& away() const override { return weights_.w; }
  const Tensor& home() const override { return weights_.w; }

 private:
  const Tensor& scale_of(const Ascent& ascent, Tensor& norm) {
    passes_.table_squared_norm(table_, ascent, weights_.segments, limits_, scale_.squared_norm());
    return scale_.of(ascent.rho, norm);
  }

  Weights weights_;
  Limits limits_;
  Table table_;
  DevicePasses& passes_;
  Scale scale_;
};

}  // namespace

std::unique_ptr<Rung> make_multi_tensor(const Weights& weights, Limits limits) {
  return std::make_unique<MultiTensor>(weights, limits);
}

}  // namespace polder::kernels::ladder
