#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct SamOn : Rule {
  double rho, xi;
  bool adaptive, norms;  // stretched by |w| + xi; which kind is perturbed
  SamOn(double radius, double floor, bool stretch, bool kind)
      : rho(radius), xi(floor), adaptive(stretch), norms(kind) {}

  /// T: 0 for what stays.
  Vector stretch_of(const Net& net, const Vector& w) const {
    Vector stretch(w.size(), 0.0);
    for (const Segment& segment : net.segments())
      for (std::size_t i = segment.begin; i < segment.end; ++i)
        if (segment.in_norm() == norms) stretch[i] = adaptive ? std::abs(w[i]) + xi : 1.0;
    return stretch;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch), stretch = stretch_of(step.net, w);
    const Vector stretched = product(stretch, g);
    const double scale = rho / (norm(stretched) + kStabiliser);
    return step.net.mean_gradient(plus(w, scale, product(stretch, stretched)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sam_on(const Settings& settings) {
  return std::make_unique<SamOn>(number(settings, "rho"), number(settings, "xi"),
                                 settings.at("variant") == "asam", settings.at("only") == "norm");
}

}  // namespace polder::reference
