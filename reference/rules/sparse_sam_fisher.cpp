#include <algorithm>
#include <numeric>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct SparseSamFisher : Rule {
  double rho, sparsity;
  std::size_t samples, refresh_every;
  std::vector<bool> live{};

  explicit SparseSamFisher(const Settings& settings)
      : rho(number(settings, "rho")),
        sparsity(number(settings, "sparsity")),
        samples(static_cast<std::size_t>(number(settings, "samples"))),
        refresh_every(static_cast<std::size_t>(number(settings, "refresh_every"))) {}

  void refresh(const Step& step, const Vector& w) {
    Vector fisher(w.size(), 0.0);
    for (std::size_t k = 0; k < samples; ++k) {
      const double u = step.draws.uniform("sparse_sam_fisher/samples", k);
      const auto index =
          static_cast<std::size_t>(u * static_cast<double>(step.training_set.size()));
      const Vector g = step.net.gradient(w, step.training_set[index]);
      for (std::size_t i = 0; i < g.size(); ++i) fisher[i] += g[i] * g[i];
    }
    std::vector<std::size_t> order(w.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return fisher[a] > fisher[b]; });
    live.assign(w.size(), false);
    const auto kept = static_cast<std::size_t>(static_cast<double>(w.size()) * (1.0 - sparsity));
    for (std::size_t k = 0; k < kept; ++k) live[order[k]] = true;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    if (step.opens_epoch && step.epoch % refresh_every == 0) refresh(step, w);
    const Vector g = step.net.mean_gradient(w, step.batch);
    Vector there = w;
    for (std::size_t i = 0; i < w.size(); ++i)
      if (live[i]) there[i] += rho * g[i] / (norm(g) + kStabiliser);
    return step.net.mean_gradient(there, step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sparse_sam_fisher(const Settings& settings) {
  return std::make_unique<SparseSamFisher>(settings);
}

}  // namespace polder::reference
