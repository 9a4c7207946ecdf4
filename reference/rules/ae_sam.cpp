#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct AeSam : Rule {
  double rho, delta, lambda1, lambda2;
  double mu = 0.0, variance = 1e-10;
  explicit AeSam(const Settings& settings)
      : rho(number(settings, "rho")),
        delta(number(settings, "delta")),
        lambda1(number(settings, "lambda1")),
        lambda2(number(settings, "lambda2")) {}

  Vector gradient(const Step& step, const Vector& w) override {
    Vector g = step.net.mean_gradient(w, step.batch);
    const double s = dot(g, g);
    mu = delta * mu + (1.0 - delta) * s;
    variance = delta * variance + (1.0 - delta) * (s - mu) * (s - mu);
    const double p = static_cast<double>(step.t) / static_cast<double>(step.T);
    const double c = p * lambda1 + (1.0 - p) * lambda2;
    if (s < mu + c * std::sqrt(variance)) return g;
    return step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_ae_sam(const Settings& settings) {
  return std::make_unique<AeSam>(settings);
}

}  // namespace polder::reference
