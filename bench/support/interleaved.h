#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <vector>

namespace polder::bench {

/// Seconds per call of competing forms of the same work.
struct Timings {
  /// Of each form, in the order given.
  std::vector<double> median;
  /// Median over the rounds of (time of form 0 / time of this form).
  std::vector<double> first_relative_to;
};

/// Seconds of a call of `form`, when it is called `repeats` times.
using Timer = std::function<double(const std::function<void()>& form, int repeats)>;
/// Of the host: by the clock on the wall; with one thread by the time of the processor.
double host_seconds(const std::function<void()>& form, int repeats);

/// Runs the forms in turn, round after round, so that a busy machine slows all of them alike: on a
/// shared machine believe the ratios and not the times. Short forms are repeated within a round
/// until it lasts at least some milliseconds. With one thread (OMP_NUM_THREADS=1) the times are of
/// the processor, which other programs stretch less.
Timings interleaved(benchmark::State& state, const std::vector<std::function<void()>>& forms,
                    const Timer& timer = host_seconds);

/// Middle of the values (the lower one of an even number).
double median(std::vector<double> values);

}  // namespace polder::bench
