#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace polder::optim {

/// How the learning rate falls after warm-up.
enum class Decay { constant, step, cosine, linear };
std::string_view to_string(Decay decay);
/// Throws Error naming the nearest known decay.
Decay parse_decay(const std::string& name);

/// Learning rate as a pure function of the step t in [0, T), which need not be whole: a run whose
/// steps differ in what they cost moves along the schedule by what it has spent. With W warm-up
/// steps and p = (t - W) / (T - W):
///
///   t < W      peak (t + 1) / (W + 1): equal parts, the first step after warm-up is at the peak
///   constant   peak
///   step       peak factor^k, k the number of milestones <= t / T
///   cosine     floor + (peak - floor) (1 + cos(pi p)) / 2
///   linear     floor + (peak - floor) (1 - p)
///
/// Rates in units of the base optimizer's learning rate, milestones as fractions of the run.
/// Source for cosine: Loshchilov, Hutter, ICLR 2017, arXiv 1608.03983 (one cycle); for warm-up:
/// Goyal et al., arXiv 1706.02677.
struct Schedule {
  Decay decay = Decay::cosine;
  double peak = 0.1;
  double floor = 0.0;                            // cosine, linear
  std::int64_t warmup = 0;                       // W, steps
  std::vector<double> milestones = {0.5, 0.75};  // step; ascending, each in (0, 1)
  double factor = 0.1;                           // step; in (0, 1]

  /// Throws Error naming the value out of range, when t is outside [0, T), or when W >= T.
  double rate(double t, std::int64_t total) const;
  /// Smallest and largest rate over whole steps. Errors as above.
  std::pair<double, double> range(std::int64_t total) const;
};

}  // namespace polder::optim
