#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Wasam : Rule {
  double rho, start;
  std::size_t count = 0;
  Vector mean{};
  Wasam(double radius, double from) : rho(radius), start(from) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector epsilon = times(rho, direction(step.net.mean_gradient(w, step.batch)));
    return step.net.mean_gradient(plus(w, 1.0, epsilon), step.batch);
  }

  void run(const Step& step, Sgd& base, Vector& w) override {
    Rule::run(step, base, w);
    const auto first = static_cast<std::size_t>(start * static_cast<double>(step.epochs));
    if (!step.closes_epoch || step.epoch < first) return;
    if (count == 0) mean.assign(w.size(), 0.0);
    ++count;
    for (std::size_t i = 0; i < w.size(); ++i)
      mean[i] += (w[i] - mean[i]) / static_cast<double>(count);
  }

  const Vector* averaged() const override { return count == 0 ? nullptr : &mean; }
};

}  // namespace

std::unique_ptr<Rule> make_wasam(const Settings& settings) {
  return std::make_unique<Wasam>(number(settings, "rho"), number(settings, "start"));
}

}  // namespace polder::reference
