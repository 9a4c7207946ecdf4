#include "polder/reference/rule.h"

namespace polder::reference {

void Sgd::step(const Vector& gradient, double rate, Vector& w) {
  m = m.empty() ? gradient : plus(gradient, momentum, m);
  w = plus(w, -rate, m);
}

void Rule::run(const Step& step, Sgd& base, Vector& w) {
  base.step(gradient(step, w), step.rate, w);
}

double number(const Settings& settings, const std::string& name) {
  return std::stod(settings.at(name));
}

}  // namespace polder::reference
