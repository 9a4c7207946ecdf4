#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Gsam : Rule {
  double rho_max, rho_min, alpha;
  bool split_clean;
  Gsam(double high, double low, double weight, bool clean)
      : rho_max(high), rho_min(low), alpha(weight), split_clean(clean) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const double rho = rho_min + (rho_max - rho_min) * (step.rate - step.rate_min) /
                                     (step.rate_max - step.rate_min);
    const Vector g = step.net.mean_gradient(w, step.batch);
    const Vector perturbed = step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
    if (split_clean) return plus(perturbed, -alpha, perpendicular(g, perturbed));
    return plus(g, alpha, perpendicular(perturbed, g));
  }
};

}  // namespace

std::unique_ptr<Rule> make_gsam(const Settings& settings) {
  return std::make_unique<Gsam>(number(settings, "rho"), number(settings, "rho_min"),
                                number(settings, "alpha"), settings.at("decompose") == "clean");
}

}  // namespace polder::reference
