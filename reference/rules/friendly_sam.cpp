#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct FriendlySam : Rule {
  double rho, sigma, lambda;
  Vector m{};
  FriendlySam(double radius, double share, double decay)
      : rho(radius), sigma(share), lambda(decay) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const bool first = m.empty();
    const Vector x = first ? g : plus(g, -sigma, m);
    m = first ? g : plus(times(lambda, m), 1.0 - lambda, g);
    return step.net.mean_gradient(plus(w, rho, direction(x)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_friendly_sam(const Settings& settings) {
  return std::make_unique<FriendlySam>(number(settings, "rho"), number(settings, "sigma"),
                                       number(settings, "lambda"));
}

}  // namespace polder::reference
