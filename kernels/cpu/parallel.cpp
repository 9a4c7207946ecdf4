#include "polder/kernels/cpu/parallel.h"

#include <omp.h>

#include <atomic>

#include "polder/core/error.h"
#include "polder/kernels/backend.h"

namespace polder::kernels {
namespace {

std::atomic<int>& threads() {
  static std::atomic<int> count{omp_get_max_threads()};
  return count;
}

}  // namespace

void set_thread_count(int count) {
  require(count >= 1, "set_thread_count: {} threads asked for, at least 1 wanted", count);
  threads() = count;
}

int thread_count() { return threads(); }

namespace cpu {

void run_tasks(std::int64_t count, void (*run)(void* context, std::int64_t i), void* context) {
  const int team = static_cast<int>(std::min<std::int64_t>(threads(), count));
  if (team <= 1 || omp_in_parallel() != 0) {
    for (std::int64_t i = 0; i < count; ++i) run(context, i);
    return;
  }
#pragma omp parallel for num_threads(team) schedule(static)
  for (std::int64_t i = 0; i < count; ++i) run(context, i);
}

}  // namespace cpu
}  // namespace polder::kernels
