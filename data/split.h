#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace polder::data {

/// Splits the positions 0 .. n-1 of `labels` into parts that are disjoint, cover everything and
/// have the same mix of classes: of the n_c samples of class c, part p gets fractions[p] n_c,
/// rounded by largest remainder (ties: the earlier part). Which samples is decided by `seed`. Every
/// part is ascending. Throws Error unless the fractions are not negative and sum to 1 (to 1e-9).
std::vector<std::vector<std::int64_t>> stratified_split(std::span<const std::int64_t> labels,
                                                        std::span<const double> fractions,
                                                        std::uint64_t seed);

/// n items shared out by fractions that sum to 1, by largest remainder; the counts sum to n.
std::vector<std::int64_t> largest_remainder(std::int64_t n, std::span<const double> fractions);

}  // namespace polder::data
