#include <algorithm>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct DeltaSam : Rule {
  double rho, mu, cap;
  std::size_t draws;
  std::string score, reweight;
  explicit DeltaSam(const Settings& settings)
      : rho(number(settings, "rho")),
        mu(number(settings, "mu")),
        cap(number(settings, "omega_max")),
        draws(static_cast<std::size_t>(number(settings, "draws"))),
        score(settings.at("score")),
        reweight(settings.at("reweight")) {}

  static Vector noise(const Step& step, std::size_t k) {
    Vector z(step.net.weight_count());
    for (std::size_t i = 0; i < z.size(); ++i)
      z[i] = step.draws.weight_normal("delta_sam/noise/" + std::to_string(k), i);
    return z;
  }

  /// sqrt(mean_k ((l(w + mu z_k) - l(w)) / mu)^2)
  double slope_of(const Step& step, const Vector& w, const Sample& sample) const {
    double sum = 0.0;
    for (std::size_t k = 0; k < draws; ++k) {
      const double there = step.net.loss(plus(w, mu, noise(step, k)), sample);
      const double slope = (there - step.net.loss(w, sample)) / mu;
      sum += slope * slope;
    }
    return std::sqrt(sum / static_cast<double>(draws));
  }

  /// |l(w + mu z) + l(w - mu z) - 2 l(w)| / mu^2
  double bend_of(const Step& step, const Vector& w, const Sample& sample) const {
    const Vector z = noise(step, 0);
    const double ahead = step.net.loss(plus(w, mu, z), sample);
    const double behind = step.net.loss(plus(w, -mu, z), sample);
    return std::abs(ahead + behind - 2.0 * step.net.loss(w, sample)) / (mu * mu);
  }

  double hardness(const Step& step, const Vector& w, const Sample& sample) const {
    if (score == "gradient_norm") return slope_of(step, w, sample);
    if (score == "curvature") return bend_of(step, w, sample);
    return score == "exact" ? norm(step.net.gradient(w, sample)) : 1.0;
  }

  Vector weights(const Step& step, const Vector& w) const {
    const double n = static_cast<double>(step.batch.size());
    Vector omega;
    double sum = 0.0;
    for (const Sample& sample : step.batch) omega.push_back(hardness(step, w, sample));
    for (const double q : omega) sum += q;
    if (!(sum > 0.0) || std::isinf(sum)) return Vector(step.batch.size(), 1.0);
    double capped = 0.0;
    for (double& q : omega) {
      q = std::min(n * q / sum, cap);
      capped += q;
    }
    return times(n / capped, omega);
  }

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector omega = weights(step, w);
    const Vector g = step.net.weighted_gradient(w, step.batch, omega);
    const Vector there = plus(w, rho, direction(g));
    return reweight == "both" ? step.net.weighted_gradient(there, step.batch, omega)
                              : step.net.mean_gradient(there, step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_delta_sam(const Settings& settings) {
  return std::make_unique<DeltaSam>(settings);
}

}  // namespace polder::reference
