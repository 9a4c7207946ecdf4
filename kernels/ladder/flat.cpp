#include "polder/kernels/ladder/rungs.h"

namespace polder::kernels::ladder {
namespace {

/// One pass over one array. The ascent moves w in place and leaves a backup; nothing is restored,
/// because the update starts from the backup.
class Flat final : public Rung {
 public:
  explicit Flat(const Weights& weights)
      : weights_(weights),
        passes_(device_passes_of(weights.w.device())),
        scale_(weights.w.device()) {}

  std::string_view name() const override { return "flat"; }
  Bytes bytes(const Ascent& ascent) const override {
    return fused_bytes(ascent, {4, 4 + 16, 0, 20, 28});
  }

  void norm(const Ascent& ascent, Tensor& norm) override { scale_of(ascent, norm); }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    passes_.perturb_with_backup(ascent, scale_of(ascent, norm), weights_.segments, weights_.g,
                                weights_.w, weights_.spare);
    in_backup_ = true;
  }
  void restore() override {}
  void sgd(const SgdCoefficients& coefficients, const Tensor& rate) override {
    passes_.sgd_update_from(coefficients, rate, weights_.g, home(), weights_.w, weights_.m);
    in_backup_ = false;
  }
  void adam(const AdamCoefficients& coefficients, const Tensor& rate) override {
    passes_.adam_update_from(coefficients, rate, weights_.g, home(), weights_.w, weights_.m,
                             weights_.v);
    in_backup_ = false;
  }
  const Tensor& away() const override { return weights_.w; }
  const Tensor& home() const override { return in_backup_ ? weights_.spare : weights_.w; }

 private:
  const Tensor& scale_of(const Ascent& ascent, Tensor& norm) {
    passes_.masked_squared_norm(ascent, weights_.segments, weights_.w, weights_.g,
                                scale_.squared_norm());
    return scale_.of(ascent.rho, norm);
  }

  Weights weights_;
  DevicePasses& passes_;
  Scale scale_;
  bool in_backup_ = false;
};

}  // namespace

std::unique_ptr<Rung> make_flat(const Weights& weights, Limits) {
  return std::make_unique<Flat>(weights);
}

}  // namespace polder::kernels::ladder
