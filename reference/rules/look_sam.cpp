#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct LookSam : Rule {
  std::size_t k, counter = 0;
  double rho, alpha;
  Vector v{};
  LookSam(double radius, std::size_t period, double share) : k(period), rho(radius), alpha(share) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const bool refresh = counter == 0;
    counter = (counter + 1) % k;
    if (!refresh) return plus(g, alpha * norm(g), v);
    Vector perturbed = step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
    const Vector rest = perpendicular(perturbed, g);
    v = norm(rest) < 1e-6 * norm(perturbed) ? times(0.0, rest) : direction(rest);
    return perturbed;
  }
};

}  // namespace

std::unique_ptr<Rule> make_look_sam(const Settings& settings) {
  return std::make_unique<LookSam>(number(settings, "rho"),
                                   static_cast<std::size_t>(number(settings, "k")),
                                   number(settings, "alpha"));
}

}  // namespace polder::reference
