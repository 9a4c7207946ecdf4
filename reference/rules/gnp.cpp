#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Gnp : Rule {
  double rho, alpha;
  bool unit;
  Gnp(double radius, double share, bool normalised) : rho(radius), alpha(share), unit(normalised) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const Vector perturbed = step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
    return plus(times(1.0 - alpha, unit ? direction(g) : g), alpha, perturbed);
  }
};

}  // namespace

std::unique_ptr<Rule> make_gnp(const Settings& settings) {
  return std::make_unique<Gnp>(number(settings, "rho"), number(settings, "alpha"),
                               settings.at("mix") == "unit");
}

}  // namespace polder::reference
