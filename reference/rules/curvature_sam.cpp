#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct CurvatureSam : Rule {
  double rho, gamma, beta;
  CurvatureSam(double radius, double second, double first)
      : rho(radius), gamma(second), beta(first) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector here = step.net.mean_gradient(w, step.batch);
    const Vector epsilon = times(rho, direction(here));
    const Vector ahead = step.net.mean_gradient(plus(w, 1.0, epsilon), step.batch);
    const Vector behind = step.net.mean_gradient(plus(w, -1.0, epsilon), step.batch);
    const Vector curvature = plus(plus(ahead, 1.0, behind), -2.0, here);
    return plus(plus(ahead, gamma, curvature), beta, plus(ahead, -1.0, behind));
  }
};

}  // namespace

std::unique_ptr<Rule> make_curvature_sam(const Settings& settings) {
  return std::make_unique<CurvatureSam>(number(settings, "rho"), number(settings, "gamma"),
                                        number(settings, "beta"));
}

}  // namespace polder::reference
