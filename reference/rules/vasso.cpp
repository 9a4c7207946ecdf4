#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Vasso : Rule {
  double rho, theta;
  Vector m{};
  Vasso(double radius, double weight) : rho(radius), theta(weight) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    m = m.empty() ? g : plus(times(1.0 - theta, m), theta, g);
    return step.net.mean_gradient(plus(w, rho, direction(m)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_vasso(const Settings& settings) {
  return std::make_unique<Vasso>(number(settings, "rho"), number(settings, "theta"));
}

}  // namespace polder::reference
