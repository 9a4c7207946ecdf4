#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct RandomSam : Rule {
  double rho, p;
  std::string schedule, gamma;
  RandomSam(double radius, double chance, std::string course, std::string weight)
      : rho(radius), p(chance), schedule(std::move(course)), gamma(std::move(weight)) {}

  double chance(const Step& step) const {
    const double done = static_cast<double>(step.t) / static_cast<double>(step.T);
    const double wave = std::cos(std::acos(-1.0) * done);
    if (schedule == "step_up") return done >= 0.5 ? p : 0.0;
    if (schedule == "step_down") return done >= 0.5 ? 0.0 : p;
    if (schedule == "linear_up") return done;
    if (schedule == "linear_down") return 1.0 - done;
    if (schedule == "cosine_up") return 0.5 - 0.5 * wave;
    if (schedule == "cosine_down") return 0.5 + 0.5 * wave;
    return p;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    Vector g = step.net.mean_gradient(w, step.batch);
    const double now = chance(step);
    if (!(step.draws.uniform("random_sam/coin", 0) < now)) return g;
    const Vector perturbed = step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
    const double weight = gamma == "match" ? 1.0 / now : std::stod(gamma);
    return plus(times(1.0 - weight, g), weight, perturbed);
  }
};

}  // namespace

std::unique_ptr<Rule> make_random_sam(const Settings& settings) {
  return std::make_unique<RandomSam>(number(settings, "rho"), number(settings, "p"),
                                     settings.at("schedule"), settings.at("gamma"));
}

}  // namespace polder::reference
