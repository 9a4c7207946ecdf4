#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "kernels/eigen_product.h"
#include "polder/core/random.h"
#include "polder/kernels/backend.h"
#include "support/interleaved.h"

// Products of the shapes that models ask for, beside Eigen's own on the same number of threads.
namespace polder::bench {
namespace {

constexpr int kRounds = 21;

struct Sizes {
  const char* name;
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
};

Tensor noise(const Shape& shape) {
  static std::uint64_t stream = 0;
  Tensor x = Tensor::empty(shape);
  kernels::backend_of(kCpu).random_normal(RandomKey{++stream}, 0.0, 1.0, x);
  return x;
}

void product(benchmark::State& state, Sizes s) {
  const Tensor a = noise(s.transpose_a ? Shape{s.k, s.m} : Shape{s.m, s.k});
  const Tensor b = noise(s.transpose_b ? Shape{s.n, s.k} : Shape{s.k, s.n});
  Tensor ours = noise({s.m, s.n}), theirs = noise({s.m, s.n});
  const Timings timings = interleaved(
      state, {[&] { kernels::backend_of(kCpu).matmul(a, s.transpose_a, b, s.transpose_b, ours); },
              [&] {
                eigen_product(s.m, s.n, s.k, a.data<float>(), s.transpose_a, b.data<float>(),
                              s.transpose_b, theirs.data<float>(), kernels::thread_count());
              }});
  const double work = 2e-9 * static_cast<double>(s.m * s.n * s.k);
  state.counters["GFLOP/s"] = work / timings.median[0];
  state.counters["Eigen GFLOP/s"] = work / timings.median[1];
  state.counters["share of Eigen %"] = 100.0 / timings.first_relative_to[1];
}

bool register_all() {
  for (const Sizes& s : {Sizes{"square", 512, 512, 512},
                         {"square", 1024, 1024, 1024},
                         {"square", 2048, 2048, 2048},
                         {"linear, forward", 128, 512, 784, false, true},
                         {"linear, forward", 128, 10, 512, false, true},
                         {"linear, input gradient", 128, 784, 512},
                         {"linear, input gradient", 128, 512, 10},
                         {"linear, weight gradient", 512, 784, 128, true, false},
                         {"linear, weight gradient", 10, 512, 128, true, false},
                         {"long sum", 64, 64, 65536, true, false},
                         {"tall", 65536, 64, 64}})
    benchmark::RegisterBenchmark(
        fmt::format("product/{}: {} x {}, {} terms", s.name, s.m, s.n, s.k).c_str(), product, s)
        ->Iterations(kRounds)
        ->UseManualTime();
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
