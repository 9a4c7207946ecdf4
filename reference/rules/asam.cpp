#include "polder/reference/rules.h"

namespace polder::reference {

Vector adaptive_direction(const Net& net, const Vector& w, const Vector& g, double xi,
                          bool everywhere) {
  Vector stretch(w.size(), 1.0);  // T
  for (const Segment& segment : net.segments())
    for (std::size_t i = segment.begin; i < segment.end; ++i)
      if (everywhere || segment.multiplies()) stretch[i] = std::abs(w[i]) + xi;
  const Vector stretched = product(stretch, g);
  return times(1.0 / (norm(stretched) + kStabiliser), product(stretch, stretched));
}

namespace {

struct Asam : Rule {
  double rho, xi;
  bool everywhere;
  Asam(double radius, double floor, bool all) : rho(radius), xi(floor), everywhere(all) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    const Vector there = plus(w, rho, adaptive_direction(step.net, w, g, xi, everywhere));
    return step.net.mean_gradient(there, step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_asam(const Settings& settings) {
  return std::make_unique<Asam>(number(settings, "rho"), number(settings, "xi"),
                                settings.at("scope") == "all");
}

}  // namespace polder::reference
