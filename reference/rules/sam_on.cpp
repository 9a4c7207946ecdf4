#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

/// The reference net has no normalisation layer: what is left to compare is `only = no_norm`.
struct SamOn : Rule {
  double rho, xi;
  bool adaptive;
  SamOn(double radius, double floor, bool stretch) : rho(radius), xi(floor), adaptive(stretch) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    Vector stretch(w.size(), 1.0);
    for (std::size_t i = 0; adaptive && i < w.size(); ++i) stretch[i] = std::abs(w[i]) + xi;
    const Vector stretched = product(stretch, g);
    const double scale = rho / (norm(stretched) + kStabiliser);
    return step.net.mean_gradient(plus(w, scale, product(stretch, stretched)), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sam_on(const Settings& settings) {
  return std::make_unique<SamOn>(number(settings, "rho"), number(settings, "xi"),
                                 settings.at("variant") == "asam");
}

}  // namespace polder::reference
