#include <algorithm>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct AgnosticSam : Rule {
  double rho, kappa, share, momentum;
  bool at_clean;
  Vector memory{};
  AgnosticSam(double radius, double ratio, double size, double decay, bool clean)
      : rho(radius), kappa(ratio), share(size), momentum(decay), at_clean(clean) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const auto rows = static_cast<std::size_t>(share * static_cast<double>(step.batch.size()));
    Rows second = step.validation;
    second.resize(std::min(second.size(), std::max<std::size_t>(1, rows)));
    const Vector there = plus(w, rho, direction(step.net.mean_gradient(w, step.batch)));
    Vector guide = step.net.mean_gradient(at_clean ? w : there, second);
    if (momentum > 0.0) {
      if (memory.empty()) memory.assign(w.size(), 0.0);
      memory = plus(times(momentum, memory), 1.0 - momentum, guide);
      guide = memory;
    }
    return step.net.mean_gradient(plus(there, -kappa * rho, direction(guide)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_agnostic_sam(const Settings& settings) {
  return std::make_unique<AgnosticSam>(number(settings, "rho"), number(settings, "kappa"),
                                       number(settings, "share"), number(settings, "momentum"),
                                       settings.at("at") == "clean");
}

}  // namespace polder::reference
