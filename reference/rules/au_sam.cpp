#include <algorithm>
#include <numeric>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct AuSam : Rule {
  double rho, fraction;
  std::map<std::size_t, double> memory;  // s_i by sample
  AuSam(double radius, double share) : rho(radius), fraction(share) {}

  /// Mean score of the rows that have one; 0 when none has.
  double mean_score(const Rows& rows) const {
    double sum = 0.0, count = 0.0;
    for (const Sample& sample : rows) {
      const auto found = memory.find(sample.index);
      if (found == memory.end()) continue;
      sum += found->second;
      count += 1.0;
    }
    return count > 0.0 ? sum / count : 0.0;
  }

  double score_or(const Sample& sample, double mean) const {
    const auto found = memory.find(sample.index);
    return found == memory.end() ? mean : found->second;
  }

  /// Rows of largest log p_i + Gumbel noise, in the batch's order.
  Rows sample_rows(const Step& step) const {
    const std::size_t n = step.batch.size();
    const auto share = static_cast<std::size_t>(fraction * static_cast<double>(n));
    const std::size_t kept = std::max<std::size_t>(1, share);
    if (step.epoch == 0 || kept == n) return step.batch;
    const double mean = mean_score(step.batch);
    Vector keys;
    for (std::size_t i = 0; i < n; ++i) {
      const double p = mean > 0.0 ? score_or(step.batch[i], mean) + 0.1 * mean : 1.0;
      const double gumbel = -std::log(-std::log(step.draws.uniform("au_sam/rows", i)));
      keys.push_back(std::log(p) + gumbel);
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return keys[a] > keys[b]; });
    order.resize(kept);
    std::sort(order.begin(), order.end());
    Rows chosen;
    for (const std::size_t i : order) chosen.push_back(step.batch[i]);
    return chosen;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    const Rows rows = sample_rows(step);
    const Vector there = plus(w, rho, direction(step.net.mean_gradient(w, rows)));
    const Vector before = step.net.losses(w, rows), after = step.net.losses(there, rows);
    double mean = mean_score(step.batch);
    if (mean_score(step.batch) == 0.0)  // nobody in the batch has a score: the changes' mean
      for (std::size_t i = 0; i < rows.size(); ++i)
        mean += std::abs(after[i] - before[i]) / static_cast<double>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      memory[rows[i].index] = 0.9 * score_or(rows[i], mean) + 0.1 * std::abs(after[i] - before[i]);
    return step.net.mean_gradient(there, rows);
  }
};

}  // namespace

std::unique_ptr<Rule> make_au_sam(const Settings& settings) {
  return std::make_unique<AuSam>(number(settings, "rho"), number(settings, "fraction"));
}

}  // namespace polder::reference
