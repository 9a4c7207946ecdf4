#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct Mesa : Rule {
  double tau, lambda, beta;
  int start;
  Vector teacher{};  // v
  explicit Mesa(const Settings& settings)
      : tau(number(settings, "tau")),
        lambda(number(settings, "lambda")),
        beta(number(settings, "beta")),
        start(static_cast<int>(number(settings, "start_epoch"))) {}

  Vector gradient(const Step& step, const Vector& w) override {
    Vector g = step.net.mean_gradient(w, step.batch);
    if (static_cast<int>(step.epoch) <= start) return g;
    const double n = static_cast<double>(step.batch.size());
    for (const Sample& sample : step.batch) {
      const Vector z = softmax(times(1.0 / tau, step.net.outputs(w, sample)));
      const Vector y = softmax(times(1.0 / tau, step.net.outputs(teacher, sample)));
      const Vector seed = times(lambda * tau / n, plus(z, -1.0, y));
      g = plus(g, 1.0, step.net.gradient_of_outputs(w, sample, seed));
    }
    return g;
  }

  void run(const Step& step, Sgd& base, Vector& w) override {
    if (teacher.empty()) teacher = w;
    Rule::run(step, base, w);
    for (std::size_t i = 0; i < w.size(); ++i) teacher[i] = beta * teacher[i] + (1.0 - beta) * w[i];
  }
};

}  // namespace

std::unique_ptr<Rule> make_mesa(const Settings& settings) {
  return std::make_unique<Mesa>(settings);
}

}  // namespace polder::reference
