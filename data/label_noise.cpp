#include "polder/data/label_noise.h"

#include <algorithm>
#include <cmath>

#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/data/shuffle.h"

namespace polder::data {
namespace {

void check(std::span<const std::int64_t> labels, std::int64_t classes, double rate) {
  require(classes >= 2, "label noise: {} classes, at least 2 wanted", classes);
  require(rate >= 0 && rate <= 1, "label noise: rate {}, 0 to 1 wanted", rate);
  for (const std::int64_t label : labels)
    require(label >= 0 && label < classes, "label noise: label {}, 0 to {} wanted", label,
            classes - 1);
}

/// round(rate n) of the candidates, every subset equally likely, ascending.
std::vector<std::int64_t> choose(std::vector<std::int64_t> candidates, double rate,
                                 std::uint64_t seed) {
  const auto count =
      static_cast<std::size_t>(std::llround(rate * static_cast<double>(candidates.size())));
  candidates = shuffled(std::move(candidates), random_key(seed, "label_noise/choose"));
  candidates.resize(count);
  std::ranges::sort(candidates);
  return candidates;
}

template <class Wrong>
NoisyLabels flip(std::span<const std::int64_t> labels, std::vector<std::int64_t> positions,
                 const Wrong& wrong) {
  NoisyLabels noisy;
  noisy.clean.assign(labels.begin(), labels.end());
  noisy.labels = noisy.clean;
  for (const std::int64_t i : positions) {
    std::int64_t& label = noisy.labels[static_cast<std::size_t>(i)];
    label = wrong(i, label);
  }
  noisy.flipped = std::move(positions);
  return noisy;
}

}  // namespace

NoisyLabels symmetric_noise(std::span<const std::int64_t> labels, std::int64_t classes, double rate,
                            std::uint64_t seed) {
  check(labels, classes, rate);
  std::vector<std::int64_t> everyone(labels.size());
  for (std::size_t i = 0; i < everyone.size(); ++i) everyone[i] = static_cast<std::int64_t>(i);
  const RandomKey key = random_key(seed, "label_noise/label");
  return flip(
      labels, choose(std::move(everyone), rate, seed), [&](std::int64_t i, std::int64_t label) {
        const auto other = static_cast<std::int64_t>(
            below(key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(classes - 1)));
        return other + (other >= label ? 1 : 0);
      });
}

NoisyLabels asymmetric_noise(std::span<const std::int64_t> labels, std::int64_t classes,
                             double rate, std::uint64_t seed, std::span<const std::int64_t> map) {
  check(labels, classes, rate);
  require(map.empty() || static_cast<std::int64_t>(map.size()) == classes,
          "label noise: a map of {} classes for {}", map.size(), classes);
  for (const std::int64_t target : map)
    require(target >= 0 && target < classes, "label noise: a map to class {}, 0 to {} wanted",
            target, classes - 1);
  const auto wrong = [&](std::int64_t, std::int64_t label) {
    return map.empty() ? (label + 1) % classes : map[static_cast<std::size_t>(label)];
  };
  std::vector<std::int64_t> candidates;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (wrong(0, labels[i]) != labels[i]) candidates.push_back(static_cast<std::int64_t>(i));
  return flip(labels, choose(std::move(candidates), rate, seed), wrong);
}

}  // namespace polder::data
