#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace polder::data {

/// Labels of which some are wrong, and the truth.
struct NoisyLabels {
  std::vector<std::int64_t> labels;   // what training sees
  std::vector<std::int64_t> clean;    // what was given
  std::vector<std::int64_t> flipped;  // positions where the two differ, ascending
};

/// Symmetric noise: exactly round(rate n) labels become wrong, each replaced by one of the *other*
/// classes, all equally likely. (Some papers draw from all classes, so that a tenth of the "flips"
/// of ten classes changes nothing: their rate r is our r (classes - 1) / classes.) The positions
/// are a uniformly random subset, not stratified by class. rate in [0, 1], seed decides everything.
/// Throws Error on a rate out of range, a label out of range, fewer than 2 classes.
NoisyLabels symmetric_noise(std::span<const std::int64_t> labels, std::int64_t classes, double rate,
                            std::uint64_t seed);

/// Asymmetric noise: label c becomes `map[c]`, by default the next class (c + 1) mod classes.
/// Exactly round(rate n') labels flip, n' the number of samples whose class has map[c] != c. Throws
/// Error as symmetric_noise does, and when the map has another length or leaves the range.
NoisyLabels asymmetric_noise(std::span<const std::int64_t> labels, std::int64_t classes,
                             double rate, std::uint64_t seed,
                             std::span<const std::int64_t> map = {});

}  // namespace polder::data
