#include "polder/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/data/shuffle.h"

namespace polder::data {
namespace {

std::map<std::int64_t, std::vector<std::int64_t>> positions_by_class(
    std::span<const std::int64_t> labels) {
  std::map<std::int64_t, std::vector<std::int64_t>> positions;
  for (std::size_t i = 0; i < labels.size(); ++i)
    positions[labels[i]].push_back(static_cast<std::int64_t>(i));
  return positions;
}

}  // namespace

std::vector<std::int64_t> largest_remainder(std::int64_t n, std::span<const double> fractions) {
  std::vector<std::int64_t> counts;
  std::vector<double> remainders;
  for (const double fraction : fractions) {
    const double share = fraction * static_cast<double>(n);
    counts.push_back(static_cast<std::int64_t>(std::floor(share)));
    remainders.push_back(share - std::floor(share));
  }
  std::vector<std::size_t> order(fractions.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  std::int64_t left = n - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (std::size_t i = 0; left > 0; ++i, --left) ++counts[order[i % order.size()]];
  return counts;
}

std::vector<std::vector<std::int64_t>> stratified_split(std::span<const std::int64_t> labels,
                                                        std::span<const double> fractions,
                                                        std::uint64_t seed) {
  double sum = 0;
  for (const double fraction : fractions) {
    require(fraction >= 0, "stratified_split: fraction {}, at least 0 wanted", fraction);
    sum += fraction;
  }
  require(std::abs(sum - 1) <= 1e-9, "stratified_split: the fractions sum to {}, 1 wanted", sum);

  std::vector<std::vector<std::int64_t>> parts(fractions.size());
  for (auto& [label, members] : positions_by_class(labels)) {
    const auto counts = largest_remainder(static_cast<std::int64_t>(members.size()), fractions);
    members =
        shuffled(std::move(members), random_key(seed, "split", static_cast<std::uint32_t>(label)));
    auto next = members.begin();
    for (std::size_t p = 0; p < parts.size(); ++p) {
      parts[p].insert(parts[p].end(), next, next + counts[p]);
      next += counts[p];
    }
  }
  for (auto& part : parts) std::ranges::sort(part);
  return parts;
}

}  // namespace polder::data
