#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Gam : Rule {
  double rho, reach, a, b, gamma, alpha;
  bool products, one_in_minus;
  explicit Gam(const Settings& settings)
      : rho(number(settings, "rho")),
        reach(number(settings, "rho_gradient")),
        a(number(settings, "a")),
        b(number(settings, "b")),
        gamma(number(settings, "gamma")),
        alpha(number(settings, "alpha")),
        products(settings.at("form") == "hvp"),
        one_in_minus(settings.at("h_minus") == "code") {}

  Vector gradient(const Step& step, const Vector& w) override {
    return products ? by_products(step, w) : accelerated(step, w);
  }

  Vector accelerated(const Step& step, const Vector& w) const {
    const auto gradient_at = [&](const Vector& where) {
      return step.net.mean_gradient(where, step.batch);
    };
    const Vector g0 = gradient_at(w);
    const Vector g1 = gradient_at(plus(w, reach, direction(g0)));
    const Vector h0 = plus(g1, -1.0, g0);
    const Vector w2 = plus(w, rho, direction(h0));
    const Vector g2 = gradient_at(w2);
    const Vector g3 = gradient_at(plus(w2, reach, direction(g2)));
    const Vector upper = plus(times(a, g1), 1.0 - a, g3);
    const Vector lower = plus(times(one_in_minus ? 1.0 : b, g0), 1.0 - b, g2);
    return plus(upper, -gamma, perpendicular(lower, upper));
  }

  Vector by_products(const Step& step, const Vector& w) const {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const Vector f = step.net.hessian_product(w, step.batch, direction(g));
    const Vector there = plus(w, rho, direction(f));
    const Vector u = direction(step.net.mean_gradient(there, step.batch));
    return plus(g, alpha * rho, step.net.hessian_product(there, step.batch, u));
  }
};

}  // namespace

std::unique_ptr<Rule> make_gam(const Settings& settings) { return std::make_unique<Gam>(settings); }

}  // namespace polder::reference
