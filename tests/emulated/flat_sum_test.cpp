#include "polder/kernels/cuda/flat_sum.cuh"

#include <numeric>
#include <random>

#include "emulated/emulated_test.h"
#include "polder/kernels/cuda/device_backend.h"

// Sums of more partial sums than the arrays of other tests have.
namespace polder::kernels::emulated::testing {
namespace {

constexpr Device kEmulated{DeviceType::emulated, 0};

Runtime& emulated_runtime() {
  return dynamic_cast<DeviceBackend&>(backend_of(kEmulated)).runtime();
}

class FlatSumTest : public EmulatedTest {
 protected:
  void TearDown() override {
    emulated_runtime().set_multiprocessors(kMultiprocessors);
    EmulatedTest::TearDown();
  }
};

TEST_F(FlatSumTest, EveryPartialSumIsAddedOnce) {
  Runtime& runtime = emulated_runtime();
  // A run, one more than a run; as many runs as one block adds up, one more; far more.
  for (const std::size_t count : {0, 1, 31, 1024, 1025, 65536, 65537, 200'001}) {
    std::vector<double> values;  // whole numbers: exact in any order
    for (const int value : draw<int>(count, -1000, 1000)) values.push_back(value);
    const auto size = static_cast<std::int64_t>(count);
    const Tensor partial = Tensor::from(values, {size}, kEmulated);
    const Tensor out = Tensor::scalar(std::nan(""), kEmulated);
    sum_partials(runtime, kEmulated, size, partial.data<double>(), out.data<double>());
    EXPECT_EQ(out.item(), std::accumulate(values.begin(), values.end(), 0.0)) << count;
  }
}

/// Weights in three segments, the middle one adaptive, and their gradient.
struct Flat {
  static constexpr std::int64_t kCount = 600'001;
  Tensor w, g;
  Segments segments;

  Flat()
      : w(Tensor::empty({kCount}, DType::float32, kEmulated)),
        g(Tensor::empty({kCount}, DType::float32, kEmulated)) {
    Backend& backend = backend_of(kEmulated);
    backend.random_normal(random_key(std::random_device{}(), "w"), 0, 1, w);
    backend.random_normal(random_key(std::random_device{}(), "g"), 0, 1, g);
    segments.host_offsets = {0, 1001, 400'002, kCount};
    segments.offsets = Tensor::from(segments.host_offsets, {4}, kEmulated);
    segments.adaptive = Tensor::from(std::vector<std::int64_t>{0, 1, 0}, {3}, kEmulated);
  }
};

// Enough weights that every machine's grid is cut off at its cap and blocks walk on.
TEST_F(FlatSumTest, TheGlobalNormHasTheSameBitsForAnyGrid) {
  const Flat flat;
  for (const Metric metric : {Metric{}, Metric{.adaptive = true, .xi = 0.01}}) {
    std::vector<double> norms;
    for (const int multiprocessors : {1, 2, 3, 4}) {
      emulated_runtime().set_multiprocessors(multiprocessors);
      EXPECT_EQ(over(emulated_runtime(), Flat::kCount).blocks,
                std::int64_t{kBlocksPerMultiprocessor} * multiprocessors);
      Tensor out = Tensor::scalar(std::nan(""), kEmulated);
      backend_of(kEmulated).metric_squared_norm(flat.w, flat.g, metric, flat.segments, out);
      norms.push_back(out.item());
    }
    EXPECT_GT(norms[0], 0.0);
    for (const double norm : norms) EXPECT_EQ(norm, norms[0]) << "adaptive " << metric.adaptive;
  }
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
