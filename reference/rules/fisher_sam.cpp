#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct FisherSam : Rule {
  double rho, eta;
  bool euclid;
  FisherSam(double radius, double strength, bool plain)
      : rho(radius), eta(strength), euclid(plain) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = step.net.mean_gradient(w, step.batch);
    Vector epsilon = g;
    double square = 0.0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double f = 1.0 / (1.0 + eta * g[i] * g[i]);
      epsilon[i] = f * g[i];
      square += euclid ? f * g[i] * f * g[i] : g[i] * f * g[i];
    }
    const double scale = rho / (std::sqrt(square) + kStabiliser);
    return step.net.mean_gradient(plus(w, scale, epsilon), step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_fisher_sam(const Settings& settings) {
  return std::make_unique<FisherSam>(number(settings, "rho"), number(settings, "eta"),
                                     settings.at("length") == "euclid");
}

}  // namespace polder::reference
