#include "polder/kernels/ladder/rungs.h"

namespace polder::kernels::ladder {
namespace {

/// One tensor of the model: views, and a table of the one segment that it is.
struct Part {
  Tensor w, g, spare, m, v;
  Segments segment;
  std::int64_t begin = 0, end = 0, index = 0;

  Part(const Weights& weights, std::int64_t s)
      : begin(weights.segments.host_offsets[static_cast<std::size_t>(s)]),
        end(weights.segments.host_offsets[static_cast<std::size_t>(s) + 1]),
        index(s) {
    w = weights.w.slice(begin, end);
    g = weights.g.slice(begin, end);
    spare = weights.spare.slice(begin, end);
    m = weights.m.slice(begin, end);
    v = weights.v.slice(begin, end);
    segment.host_offsets = {0, end - begin};
    segment.offsets = Tensor::from(segment.host_offsets, {2}, w.device());
    segment.adaptive = weights.segments.adaptive.slice(s, s + 1);
  }

  /// The ascent as this tensor sees it.
  Ascent of(const Ascent& ascent) const {
    Ascent part = ascent;
    if (ascent.rho.rank() > 0) part.rho = ascent.rho.slice(index, index + 1);
    if (ascent.mask.defined()) part.mask = ascent.mask.slice(begin, end);
    if (ascent.enabled.defined()) part.enabled = ascent.enabled.slice(index, index + 1);
    return part;
  }
};

/// One kernel for each pass over each tensor. The ascent keeps a copy of w, which comes back by
/// being copied.
class TensorByTensor final : public Rung {
 public:
  explicit TensorByTensor(const Weights& weights)
      : w_(weights.w), passes_(device_passes_of(w_.device())), scale_(w_.device()) {
    const auto count = static_cast<std::int64_t>(weights.segments.host_offsets.size()) - 1;
    for (std::int64_t s = 0; s < count; ++s) parts_.emplace_back(weights, s);
    squares_ = Tensor::empty({count}, DType::float64, w_.device());
  }

  std::string_view name() const override { return "tensor by tensor"; }
  Bytes bytes(const Ascent& ascent) const override {
    return fused_bytes(ascent, {4, 4 + 16, 8, 20, 28});
  }

  void norm(const Ascent& ascent, Tensor& norm) override { scale_of(ascent, norm); }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    const Tensor scale = scale_of(ascent, norm);
    for (Part& part : parts_) {
      const Tensor of_part = scale.rank() > 0 ? scale.slice(part.index, part.index + 1) : scale;
      passes_.perturb_with_backup(part.of(ascent), of_part, part.segment, part.g, part.w,
                                  part.spare);
    }
  }
  void restore() override {
    for (const Part& part : parts_) part.w.copy_from(part.spare);
  }
  void sgd(const SgdCoefficients& coefficients, const Tensor& rate) override {
    for (Part& part : parts_) backend_of(w_).sgd_update(coefficients, rate, part.g, part.w, part.m);
  }
  void adam(const AdamCoefficients& coefficients, const Tensor& rate) override {
    for (Part& part : parts_)
      backend_of(w_).adam_update(coefficients, rate, part.g, part.w, part.m, part.v);
  }
  const Tensor& away() const override { return w_; }
  const Tensor& home() const override { return w_; }

 private:
  const Tensor& scale_of(const Ascent& ascent, Tensor& norm) {
    for (const Part& part : parts_) {
      Tensor square = squares_.slice(part.index, part.index + 1);
      passes_.masked_squared_norm(part.of(ascent), part.segment, part.w, part.g, square);
    }
    backend_of(w_).reduce(Reduction::sum, squares_, {1, squares_.numel(), 1},
                          scale_.squared_norm());
    return scale_.of(ascent.rho, norm);
  }

  Tensor w_;
  DevicePasses& passes_;
  std::vector<Part> parts_;
  Tensor squares_;
  Scale scale_;
};

}  // namespace

std::unique_ptr<Rung> make_tensor_by_tensor(const Weights& weights, Limits) {
  return std::make_unique<TensorByTensor>(weights);
}

}  // namespace polder::kernels::ladder
