#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Sam : Rule {
  double rho;
  explicit Sam(double radius) : rho(radius) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    return step.net.mean_gradient(plus(w, rho, direction(g)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sam(const Settings& settings) {
  return std::make_unique<Sam>(number(settings, "rho"));
}

}  // namespace polder::reference
