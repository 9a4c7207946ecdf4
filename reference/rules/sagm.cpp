#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Sagm : Rule {
  double rho, alpha;
  Sagm(double radius, double alignment) : rho(radius), alpha(alignment) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const double length = rho / (norm(g) + kStabiliser) - alpha;
    const Vector perturbed = step.net.mean_gradient(plus(w, length, g), step.batch);
    return plus(times(0.5, g), 0.5, perturbed);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sagm(const Settings& settings) {
  return std::make_unique<Sagm>(number(settings, "rho"), number(settings, "alpha"));
}

}  // namespace polder::reference
