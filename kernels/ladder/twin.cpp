#include "polder/kernels/ladder/rungs.h"

namespace polder::kernels::ladder {
namespace {

/// w + eps goes to a second array: w is never touched, and coming home moves nothing. This is what
/// the library does (nn/parameter_arena.h).
class Twin : public Rung {
 public:
  explicit Twin(const Weights& weights) : weights_(weights), scale_(weights.w.device()) {}

  std::string_view name() const override { return "twin"; }
  Bytes bytes(const Ascent& ascent) const override {
    return fused_bytes(ascent, {4, 4 + 12, 0, 20, 28});
  }

  void norm(const Ascent& ascent, Tensor& norm) override { scale_of(ascent, norm); }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    passes().masked_perturb(ascent, scale_of(ascent, norm), weights_.segments, weights_.w,
                            weights_.g, weights_.spare);
  }
  void restore() override {}
  void sgd(const SgdCoefficients& coefficients, const Tensor& rate) override {
    backend_of(weights_.w).sgd_update(coefficients, rate, weights_.g, weights_.w, weights_.m);
  }
  void adam(const AdamCoefficients& coefficients, const Tensor& rate) override {
    backend_of(weights_.w)
        .adam_update(coefficients, rate, weights_.g, weights_.w, weights_.m, weights_.v);
  }
  const Tensor& away() const override { return weights_.spare; }
  const Tensor& home() const override { return weights_.w; }

 protected:
  const Tensor& scale_of(const Ascent& ascent, Tensor& norm) {
    passes().masked_squared_norm(ascent, weights_.segments, weights_.w, weights_.g,
                                 scale_.squared_norm());
    return scale_.of(ascent.rho, norm);
  }
  Passes& passes() const { return passes_of(weights_.w.device()); }

  Weights weights_;
  Scale scale_;
};

/// The twin, with norm and ascent in one cooperative launch.
class OneLaunch final : public Twin {
 public:
  OneLaunch(const Weights& weights, Limits limits) : Twin(weights), limits_(limits) {}

  std::string_view name() const override { return "one launch"; }
  Bytes bytes(const Ascent& ascent) const override {
    return fused_bytes(ascent, {4, 4 + 8, 0, 20, 28});
  }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    device_passes_of(weights_.w.device())
        .norm_and_perturb(ascent, weights_.segments, limits_, weights_.w, weights_.g,
                          scale_.like(ascent.rho), norm, weights_.spare);
  }

 private:
  Limits limits_;
};

}  // namespace

std::unique_ptr<Rung> make_twin(const Weights& weights, Limits) {
  return std::make_unique<Twin>(weights);
}

std::unique_ptr<Rung> make_one_launch(const Weights& weights, Limits limits) {
  return std::make_unique<OneLaunch>(weights, limits);
}

}  // namespace polder::kernels::ladder
