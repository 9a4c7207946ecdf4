#include "polder/kernels/cuda/flat_sum.cuh"

#include <numeric>

#include "emulated/emulated_test.h"
#include "polder/kernels/cuda/device_backend.h"

// Sums of more partial sums than the arrays of other tests have.
namespace polder::kernels::emulated::testing {
namespace {

class FlatSumTest : public EmulatedTest {};

TEST_F(FlatSumTest, EveryPartialSumIsAddedOnce) {
  constexpr Device kEmulated{DeviceType::emulated, 0};
  Runtime& runtime = dynamic_cast<DeviceBackend&>(backend_of(kEmulated)).runtime();
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

}  // namespace
}  // namespace polder::kernels::emulated::testing
