#include "polder/data/epoch_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "polder/data/shuffle.h"

namespace polder::data {

using Groups = std::vector<std::vector<std::int64_t>>;

Groups by_domain(const Dataset& dataset, const std::vector<std::int64_t>& indices) {
  std::map<std::int64_t, std::vector<std::int64_t>> found;
  for (const std::int64_t index : indices) found[dataset.domain(index)].push_back(index);
  Groups groups;
  for (auto& [domain, members] : found) groups.push_back(std::move(members));
  return groups;
}

std::vector<std::int64_t> balanced_order(const Groups& groups, std::int64_t batch_size) {
  const auto count = static_cast<std::int64_t>(groups.size());
  const std::int64_t share = batch_size / count, shortest = balanced_size(groups) / count;
  std::vector<std::int64_t> order;
  for (std::int64_t begin = 0; begin < shortest; begin += share)
    for (const std::vector<std::int64_t>& group : groups)
      order.insert(order.end(), group.begin() + begin,
                   group.begin() + std::min(begin + share, shortest));
  return order;
}

Groups shuffled_groups(Groups groups, std::uint64_t seed, std::int64_t epoch) {
  for (std::size_t g = 0; g < groups.size(); ++g)
    groups[g] = shuffled(std::move(groups[g]), random_key(seed, fmt::format("shuffle/{}", g),
                                                          static_cast<std::uint32_t>(epoch)));
  return groups;
}

std::int64_t balanced_size(const Groups& groups) {
  std::size_t shortest = groups.empty() ? 0 : groups.front().size();
  for (const std::vector<std::int64_t>& group : groups) shortest = std::min(shortest, group.size());
  return static_cast<std::int64_t>(shortest * groups.size());
}

}  // namespace polder::data
