#pragma once

#include <cstdint>
#include <vector>

#include "polder/core/random.h"
#include "polder/data/dataset.h"

namespace polder::data {

/// The samples `indices` of a set by their domain; domains without any are left out. Each group
/// keeps the order of `indices`.
std::vector<std::vector<std::int64_t>> by_domain(const Dataset& dataset,
                                                 const std::vector<std::int64_t>& indices);

/// One epoch of batches that share out equally over `groups`, group by group within a batch, until
/// the shortest group ends: the last batch may be smaller, but is shared out equally too.
/// `batch_size` is a multiple of the number of groups.
std::vector<std::int64_t> balanced_order(const std::vector<std::vector<std::int64_t>>& groups,
                                         std::int64_t batch_size);

/// The groups, each in a random order of its own.
std::vector<std::vector<std::int64_t>> shuffled_groups(
    std::vector<std::vector<std::int64_t>> groups, std::uint64_t seed, std::int64_t epoch);

/// Samples of the shortest group times their number: what `balanced_order` visits.
std::int64_t balanced_size(const std::vector<std::vector<std::int64_t>>& groups);

}  // namespace polder::data
