#include <algorithm>
#include <functional>
#include <stdexcept>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

/// Where epsilon = rho u points: u from w and the clean gradient.
using Direction = std::function<Vector(const Net& net, const Vector& w, const Vector& g)>;

/// The settings that the reference has no other choice of.
const Settings kModelled = {{"curvature", "exact"},
                            {"gap_batch", "same"},
                            {"parametrisation", "log"},
                            {"upper_optimizer", "adam"},
                            {"per_segment", "false"}};

/// nu <- nu - lr Adam(slope), rho = rho0 exp(nu), inside [low, high].
struct LearnedRadius {
  double start, rate, low, high;
  double nu = 0.0, m = 0.0, v = 0.0;
  int steps = 0;

  double value() const { return start * std::exp(nu); }
  void descend(double slope) {
    ++steps;
    m = 0.9 * m + 0.1 * slope;
    v = 0.999 * v + 0.001 * slope * slope;
    const double mean = m / (1.0 - std::pow(0.9, steps)),
                 square = v / (1.0 - std::pow(0.999, steps));
    nu -= rate * mean / (std::sqrt(square) + 1e-12);
    nu = std::clamp(nu, std::log(low / start), std::log(high / start));
  }
};

/// SGD's step moves w by -rate G, and G depends on rho as H(p) u: dJ/drho follows by the chain
/// rule. One radius, exact curvature, the step's own batch in the gap; throws std::invalid_argument
/// under other settings.
struct Lets : Rule {
  Direction direction_of;
  LearnedRadius rho;
  bool gap;  // J = (L_V - L_B)^2 / 2, or L_V
  std::size_t every;
  Lets(Direction direction, const Settings& settings)
      : direction_of(std::move(direction)),
        rho{number(settings, "rho"), number(settings, "lr_nu"), number(settings, "rho_min"),
            number(settings, "rho_max")},
        gap(settings.at("upper_objective") == "squared_gap"),
        every(static_cast<std::size_t>(number(settings, "update_every"))) {
    for (const auto& [name, value] : kModelled)
      if (settings.at(name) != value) throw std::invalid_argument("lets reference: " + name);
  }

  Vector clean_direction(const Step& step, const Vector& w) const {
    return direction_of(step.net, w, step.net.mean_gradient(w, step.batch));
  }
  Vector gradient(const Step& step, const Vector& w) override {
    return step.net.mean_gradient(plus(w, rho.value(), clean_direction(step, w)), step.batch);
  }
  void run(const Step& step, Sgd& base, Vector& w) override {
    const Vector u = clean_direction(step, w), p = plus(w, rho.value(), u);
    const Vector curved = step.net.hessian_product(p, step.batch, u);  // dG / drho
    base.step(step.net.mean_gradient(p, step.batch), step.rate, w);
    if ((step.t + 1) % every != 0) return;
    const double by_radius = -step.rate * dot(slope_of_upper(step, w), curved);
    rho.descend(rho.value() * by_radius);
  }
  /// dJ / dw at the new weights.
  Vector slope_of_upper(const Step& step, const Vector& w) const {
    Vector validation = step.net.mean_gradient(w, step.validation);
    if (!gap) return validation;
    const double difference =
        step.net.mean_loss(w, step.validation) - step.net.mean_loss(w, step.batch);
    return times(difference, plus(validation, -1.0, step.net.mean_gradient(w, step.batch)));
  }
};

}  // namespace

std::unique_ptr<Rule> make_lets_sam(const Settings& settings) {
  return std::make_unique<Lets>(
      [](const Net&, const Vector&, const Vector& g) { return direction(g); }, settings);
}

std::unique_ptr<Rule> make_lets_asam(const Settings& settings) {
  const double xi = number(settings, "xi");
  const bool everywhere = settings.at("scope") == "all";
  return std::make_unique<Lets>(
      [xi, everywhere](const Net& net, const Vector& w, const Vector& g) {
        return adaptive_direction(net, w, g, xi, everywhere);
      },
      settings);
}

}  // namespace polder::reference
