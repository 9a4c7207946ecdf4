#include <algorithm>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct TiltedSam : Rule {
  double rho, tilt, radius, scale;
  std::size_t samples;
  bool ascent;

  explicit TiltedSam(const Settings& settings)
      : rho(number(settings, "rho")),
        tilt(number(settings, "tilt")),
        radius(number(settings, "noise")),
        scale(number(settings, "scale")),
        samples(static_cast<std::size_t>(number(settings, "samples"))),
        ascent(settings.at("ascent") == "true") {}

  Vector gradient(const Step& step, const Vector& w) override {
    std::vector<Vector> gradients;
    Vector losses;
    for (std::size_t j = 0; j < samples; ++j) {
      Vector n(w.size());
      for (std::size_t i = 0; i < n.size(); ++i)
        n[i] = scale * step.draws.weight_normal("tilted_sam/noise/" + std::to_string(j), i);
      Vector there = plus(w, std::min(1.0, radius / (norm(n) + kStabiliser)), n);
      if (ascent) there = plus(there, rho, direction(step.net.mean_gradient(there, step.batch)));
      losses.push_back(step.net.mean_loss(there, step.batch));
      gradients.push_back(step.net.mean_gradient(there, step.batch));
    }
    const double worst = *std::max_element(losses.begin(), losses.end());
    double total = 0.0;
    for (double& loss : losses) total += loss = std::exp(tilt * (loss - worst));
    Vector mean(w.size(), 0.0);
    for (std::size_t j = 0; j < samples; ++j) mean = plus(mean, losses[j] / total, gradients[j]);
    return mean;
  }
};

}  // namespace

std::unique_ptr<Rule> make_tilted_sam(const Settings& settings) {
  return std::make_unique<TiltedSam>(settings);
}

}  // namespace polder::reference
