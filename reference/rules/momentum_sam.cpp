#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct MomentumSam : Rule {
  double rho;
  explicit MomentumSam(double radius) : rho(radius) {}

  Vector gradient(const Step& step, const Vector& w) override {
    return step.net.mean_gradient(w, step.batch);
  }

  void run(const Step& step, Sgd& base, Vector& w) override {
    Vector there = w;
    if (!base.m.empty()) there = plus(w, -rho, direction(base.m));
    base.step(step.net.mean_gradient(there, step.batch), step.rate, w);
  }
};

}  // namespace

std::unique_ptr<Rule> make_momentum_sam(const Settings& settings) {
  return std::make_unique<MomentumSam>(number(settings, "rho"));
}

}  // namespace polder::reference
