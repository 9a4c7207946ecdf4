#include <string>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct BayesSam : Rule {
  double rho, b1, b2, gamma, prior_precision, factor;
  std::size_t shards;
  bool noisy;
  Vector m{}, s{};
  explicit BayesSam(const Settings& settings)
      : rho(number(settings, "rho")),
        b1(number(settings, "b1")),
        b2(number(settings, "b2")),
        gamma(number(settings, "gamma")),
        prior_precision(number(settings, "prior_precision")),
        factor(number(settings, "data_factor")),
        shards(static_cast<std::size_t>(number(settings, "shards"))),
        noisy(settings.at("noise") == "true") {}

  Vector gradient(const Step& step, const Vector& w) override {
    return step.net.mean_gradient(w, step.batch);
  }

  void run(const Step& step, Sgd&, Vector& w) override {
    const std::size_t d = w.size(), n = step.batch.size();
    if (s.empty()) {
      m.assign(d, 0.0);
      s.assign(d, 1.0);
    }
    const double M = static_cast<double>(step.training_set.size()) * factor;
    const double delta = prior_precision / M;
    Vector curvature(d, 0.0), mean(d, 0.0);
    for (std::size_t j = 0; j < shards; ++j) {
      const Rows shard(step.batch.begin() + static_cast<std::ptrdiff_t>(j * n / shards),
                       step.batch.begin() + static_cast<std::ptrdiff_t>((j + 1) * n / shards));
      const double share = static_cast<double>(shard.size()) / static_cast<double>(n);
      Vector theta = w;
      const std::string stream = "bayes_sam/noise/" + std::to_string(j);
      for (std::size_t i = 0; i < d; ++i)
        if (noisy) theta[i] += step.draws.weight_normal(stream, i) * std::sqrt(1.0 / (M * s[i]));
      const Vector g = step.net.mean_gradient(theta, shard);
      Vector there = w;
      for (std::size_t i = 0; i < d; ++i) {
        there[i] += rho * g[i] / s[i];
        curvature[i] += share * std::sqrt(s[i]) * std::abs(g[i]);
      }
      mean = plus(mean, share, step.net.mean_gradient(there, shard));
    }
    for (std::size_t i = 0; i < d; ++i) {
      m[i] = b1 * m[i] + (1.0 - b1) * (mean[i] + delta * w[i]);
      w[i] -= step.rate * m[i] / s[i];
      s[i] = b2 * s[i] + (1.0 - b2) * (curvature[i] + gamma + delta);
    }
  }
};

}  // namespace

std::unique_ptr<Rule> make_bayes_sam(const Settings& settings) {
  return std::make_unique<BayesSam>(settings);
}

}  // namespace polder::reference
