#include "polder/kernels/cuda/flat_sum.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// Runs that one block adds up by itself; more are shared out first.
constexpr std::int64_t kRunsOfABlock = 64;

/// sums[r] = sum of run r. A warp for each run.
__global__ void sum_runs(std::int64_t count, const double* partial, double* sums) {
  const std::int64_t runs = runs_of(count);
  for (std::int64_t run = warp_rank(); run < runs; run += warp_count()) {
    const double sum = run_sum(partial + run * kRun, min(kRun, count - run * kRun));
    if (lane() == 0) sums[run] = sum;
  }
}

/// *out = sum of all of them, by one block.
__global__ void __launch_bounds__(1024)
    sum_of_runs(std::int64_t count, const double* partial, double* out) {
  POLDER_SHARED(double, sums, kRunsOfABlock);
  const std::int64_t runs = runs_of(count);
  for (std::int64_t run = warp_rank(); run < runs; run += warp_count()) {
    const double sum = run_sum(partial + run * kRun, min(kRun, count - run * kRun));
    if (lane() == 0) sums[run] = sum;
  }
  __syncthreads();
  if (warp_rank() > 0) return;
  double sum = 0;
  for (std::int64_t run = lane(); run < runs; run += kWarpSize) sum += sums[run];
  sum = warp_sum(sum);
  if (lane() == 0) *out = sum;
}

}  // namespace

void sum_partials(Runtime& runtime, Device device, std::int64_t count, const double* partial,
                  double* out) {
  const std::int64_t runs = runs_of(count);
  if (runs <= kRunsOfABlock)
    return launch(runtime, {.blocks = 1, .threads = 1024}, sum_of_runs, count, partial, out);
  const Tensor sums = Tensor::empty({runs}, DType::float64, device);
  launch(runtime, over(runtime, runs * kWarpSize), sum_runs, count, partial, sums.data<double>());
  sum_partials(runtime, device, runs, sums.data<double>(), out);
}

}  // namespace polder::kernels::POLDER_DEVICE
