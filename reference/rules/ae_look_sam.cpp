#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct AeLookSam : Rule {
  double rho, delta, lambda1, lambda2, alpha, max_age;
  bool always;
  double mu = 0.0, variance = 1e-10, age = 0.0;
  Vector v{};
  explicit AeLookSam(const Settings& settings)
      : rho(number(settings, "rho")),
        delta(number(settings, "delta")),
        lambda1(number(settings, "lambda1")),
        lambda2(number(settings, "lambda2")),
        alpha(number(settings, "alpha")),
        max_age(number(settings, "max_age")),
        always(settings.at("force") == "always") {}

  bool refreshes(const Step& step, double s) {
    mu = delta * mu + (1.0 - delta) * s;
    variance = delta * variance + (1.0 - delta) * (s - mu) * (s - mu);
    const double p = static_cast<double>(step.t) / static_cast<double>(step.T);
    const double c = p * lambda1 + (1.0 - p) * lambda2;
    if (always || v.empty()) return true;
    if (max_age > 0.0 && age >= max_age) return true;
    return s >= mu + c * std::sqrt(variance);
  }

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    if (!refreshes(step, dot(g, g))) {
      age += 1.0;
      return plus(g, alpha * norm(g), v);
    }
    Vector perturbed = step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
    const Vector rest = perpendicular(perturbed, g);
    v = norm(rest) < 1e-6 * norm(perturbed) ? times(0.0, rest) : direction(rest);
    age = 0.0;
    return perturbed;
  }
};

}  // namespace

std::unique_ptr<Rule> make_ae_look_sam(const Settings& settings) {
  return std::make_unique<AeLookSam>(settings);
}

}  // namespace polder::reference
