#include "support/interleaved.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "polder/kernels/backend.h"

namespace polder::bench {
namespace {

constexpr double kShortestRound = 5e-3;

/// One thread is timed by the processor time it used, several by the clock on the wall.
double now() {
  if (kernels::thread_count() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now().time_since_epoch();
  return time.count();
}

int repeats_for(const std::function<void()>& form, const Timer& timer) {
  form();  // warm: memory, page tables, caches
  return 1 + static_cast<int>(kShortestRound / std::max(timer(form, 1), 1e-9));
}

}  // namespace

double host_seconds(const std::function<void()>& form, int repeats) {
  const double start = now();
  for (int i = 0; i < repeats; ++i) form();
  return (now() - start) / repeats;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Timings interleaved(benchmark::State& state, const std::vector<std::function<void()>>& forms,
                    const Timer& timer) {
  std::vector<int> repeats;
  for (const auto& form : forms) repeats.push_back(repeats_for(form, timer));
  std::vector<std::vector<double>> times(forms.size()), ratios(forms.size());
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < forms.size(); ++i) {
      times[i].push_back(timer(forms[i], repeats[i]));
      ratios[i].push_back(times[0].back() / times[i].back());
    }
    state.SetIterationTime(times[0].back());
  }
  Timings timings;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    timings.median.push_back(median(times[i]));
    timings.first_relative_to.push_back(median(ratios[i]));
  }
  return timings;
}

}  // namespace polder::bench
