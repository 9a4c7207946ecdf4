#include <algorithm>
#include <numeric>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

const double kPi = std::acos(-1.0);

struct SparseSamDynamic : Rule {
  double rho, sparsity, drop_rate;
  std::size_t refresh_every;
  std::string drop, grow;
  std::vector<bool> live{};

  explicit SparseSamDynamic(const Settings& settings)
      : rho(number(settings, "rho")),
        sparsity(number(settings, "sparsity")),
        drop_rate(number(settings, "drop_rate")),
        refresh_every(static_cast<std::size_t>(number(settings, "refresh_every"))),
        drop(settings.at("drop")),
        grow(settings.at("grow")) {}

  /// Positions from the largest score to the smallest, ties by position.
  static std::vector<std::size_t> ranked(const Vector& scores) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    return order;
  }

  static Vector drawn(const Step& step, const std::string& stream, std::size_t d) {
    Vector values;
    for (std::size_t i = 0; i < d; ++i) values.push_back(step.draws.weight_uniform(stream, i));
    return values;
  }

  static Vector scores(const Step& step, const std::string& kind, const std::string& stream,
                       const Vector& w, const Vector& g) {
    if (kind == "random") return drawn(step, stream, w.size());
    Vector values = kind == "gradient" ? g : w;
    for (double& value : values) value = std::abs(value);
    return values;
  }

  void start(const Step& step, std::size_t d) {
    const auto dead = static_cast<std::size_t>(std::ceil(static_cast<double>(d) * sparsity));
    live.assign(d, false);
    const auto order = ranked(drawn(step, "sparse_sam_dynamic/mask", d));
    for (std::size_t k = 0; k < d - dead; ++k) live[order[k]] = true;
  }

  void refresh(const Step& step, const Vector& w, const Vector& g) {
    const auto count = static_cast<std::size_t>(std::count(live.begin(), live.end(), true));
    const double progress = static_cast<double>(step.epoch) / static_cast<double>(step.epochs);
    const double rate = drop_rate * (1.0 + std::cos(kPi * progress)) / 2.0;
    const std::size_t moved =
        std::min(static_cast<std::size_t>(static_cast<double>(count) * rate), w.size() - count);
    const std::vector<bool> before = live;
    std::size_t kept = 0, grown = 0;
    for (const std::size_t i : ranked(scores(step, drop, "sparse_sam_dynamic/drop", w, g)))
      if (before[i]) live[i] = kept++ < count - moved;
    for (const std::size_t i : ranked(scores(step, grow, "sparse_sam_dynamic/grow", w, g)))
      if (!before[i]) live[i] = grown++ < moved;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    if (live.empty()) start(step, w.size());
    const Vector g = step.net.mean_gradient(w, step.batch);
    Vector there = w;
    for (std::size_t i = 0; i < w.size(); ++i)
      if (live[i]) there[i] += rho * g[i] / (norm(g) + kStabiliser);
    if (step.opens_epoch && step.epoch % refresh_every == 0) refresh(step, w, g);
    return step.net.mean_gradient(there, step.batch);
  }
};

}  // namespace

std::unique_ptr<Rule> make_sparse_sam_dynamic(const Settings& settings) {
  return std::make_unique<SparseSamDynamic>(settings);
}

}  // namespace polder::reference
