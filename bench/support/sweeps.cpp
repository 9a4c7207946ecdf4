#include "support/sweeps.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>

#include "polder/kernels/backend.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::bench {
namespace {

/// Calls f(begin, end) with one equal share of [0, n) for each thread.
template <class F>
void on_shares(std::int64_t n, F&& f) {
  const std::int64_t threads = kernels::thread_count();
  kernels::cpu::parallel_blocks(n, (n + threads - 1) / threads, f);
}

void read(const Tensor& x) {
  const auto* words = static_cast<const std::uint32_t*>(x.raw());
  on_shares(x.numel(), [=](std::int64_t begin, std::int64_t end) {
    std::uint32_t sum = 0;
    for (std::int64_t i = begin; i < end; ++i) sum += words[i];
    benchmark::DoNotOptimize(sum);
  });
}

void copy(const Tensor& x, const Tensor& y) {
  on_shares(x.numel(), [source = x.data<float>(), target = y.data<float>()](std::int64_t begin,
                                                                            std::int64_t end) {
    std::memmove(target + begin, source + begin, static_cast<std::size_t>(end - begin) * 4);
  });
}

void rewrite(const Tensor& y) {
  on_shares(y.numel(), [data = y.data<float>()](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) data[i] *= 0.9999999F;
  });
}

}  // namespace

std::vector<Sweep> sweeps(const Tensor& x, const Tensor& y) {
  const auto bytes = static_cast<double>(x.bytes());
  return {{"read", bytes, [=] { read(x); }},
          {"copy", 2 * bytes, [=] { copy(x, y); }},
          {"rewrite", 2 * bytes, [=] { rewrite(y); }}};
}

double largest_cache() {
  double size = 0;
  for (const auto& cache : benchmark::CPUInfo::Get().caches)
    size = std::max(size, static_cast<double>(cache.size));
  return size;
}

}  // namespace polder::bench
