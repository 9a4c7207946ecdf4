#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Saf : Rule {
  double tau, lambda;
  std::size_t slots, start;
  std::vector<std::map<std::size_t, Vector>> memory;  // by slot, then by sample
  explicit Saf(const Settings& settings)
      : tau(number(settings, "tau")),
        lambda(number(settings, "lambda")),
        slots(static_cast<std::size_t>(number(settings, "slots"))),
        start(static_cast<std::size_t>(number(settings, "start_epoch"))),
        memory(slots) {}

  Vector gradient(const Step& step, const Vector& w) override {
    Vector g = step.net.mean_gradient(w, step.batch);
    std::map<std::size_t, Vector>& slot = memory[step.epoch % slots];
    const double n = static_cast<double>(step.batch.size());
    for (const Sample& sample : step.batch) {
      const Vector z = step.net.outputs(w, sample);
      const auto old = slot.find(sample.index);
      if (step.epoch > start && old != slot.end()) {
        const Vector now = softmax(times(1.0 / tau, z));
        const Vector then = softmax(times(1.0 / tau, old->second));
        const Vector seed = times(lambda * tau / n, plus(now, -1.0, then));
        g = plus(g, 1.0, step.net.gradient_of_outputs(w, sample, seed));
      }
      slot[sample.index] = z;
    }
    return g;
  }
};

}  // namespace

std::unique_ptr<Rule> make_saf(const Settings& settings) { return std::make_unique<Saf>(settings); }

}  // namespace polder::reference
