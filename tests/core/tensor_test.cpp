#include "polder/core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "polder/core/allocator.h"
#include "polder/core/batch.h"
#include "test_support.h"

namespace polder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Shape, CountsAxesAndElements) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.numel(), 24);
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.leading(2), (Shape{2, 3}));
  EXPECT_EQ(shape.trailing(1), Shape{4});
  EXPECT_EQ(shape.with(1, 7), (Shape{2, 7, 4}));
  EXPECT_EQ(shape.without(-1), (Shape{2, 3}));
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{0, 3}).numel(), 0);
}

TEST(Shape, NamesWhatIsWrong) {
  EXPECT_EQ(error_of([] { (void)Shape{2, 3}[2]; }), "Shape: axis 2 of [2, 3]");
  EXPECT_THAT(error_of([] { (void)Shape{-1}; }), HasSubstr("negative"));
}

TEST(Tensor, ReshapeAndSliceShareMemory) {
  const Tensor x = Tensor::from<float>({0, 1, 2, 3, 4, 5}, {3, 2});
  const Tensor rows = x.slice(1, 3);
  EXPECT_THAT(rows.to_vector<float>(), ElementsAre(2, 3, 4, 5));
  rows.data<float>()[0] = 20;
  EXPECT_THAT(x.reshape({6}).to_vector<float>(), ElementsAre(0, 1, 20, 3, 4, 5));
  EXPECT_TRUE(x.shares_memory_with(rows));
  EXPECT_FALSE(x.shares_memory_with(x.clone()));
}

TEST(Tensor, RefusesWrongUse) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_EQ(error_of([&] { (void)x.reshape({4}); }), "reshape: [2, 3] has 6 elements, [4] wants 4");
  EXPECT_THAT(error_of([&] { (void)x.data<double>(); }), HasSubstr("asked for float64"));
  EXPECT_THAT(error_of([&] { (void)x.item(); }), HasSubstr("not one element"));
  EXPECT_THAT(error_of([&] { (void)x.slice(1, 4); }), HasSubstr("rows 1 to 4 of [2, 3]"));
  EXPECT_THAT(error_of([] {
                (void)Tensor::zeros({1}, DType::float32, {DeviceType::cuda, 63});
              }),
              HasSubstr("cuda:63"));
}

TEST(Tensor, CountsHostReads) {
  const Tensor x = Tensor::scalar(2.5);
  const auto before = host_reads();
  EXPECT_EQ(x.item(), 2.5);
  EXPECT_EQ(host_reads(), before + 1);
}

TEST(Allocator, ReusesFreedBlocks) {
  { const Tensor warm = Tensor::empty({1000}); }
  const auto before = allocator_of(kCpu).stats();
  for (int i = 0; i < 100; ++i) const Tensor x = Tensor::empty({1000});
  const auto after = allocator_of(kCpu).stats();
  EXPECT_EQ(after.system_calls, before.system_calls);
  EXPECT_EQ(after.bytes_in_use, before.bytes_in_use);
}

TEST(Allocator, AlignsAndReportsThePeak) {
  allocator_of(kCpu).reset_peak();
  const auto start = allocator_of(kCpu).stats().peak_bytes;
  { const Tensor big = Tensor::empty({1 << 20}); }
  EXPECT_GE(allocator_of(kCpu).stats().peak_bytes, start + (4U << 20));
  for (const std::int64_t n : {1, 7, 100, 4097}) {
    const Tensor x = Tensor::empty({n});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.raw()) % 64, 0U);
  }
}

TEST(Batch, SlicesRememberTheirRows) {
  Batch batch;
  batch.inputs = Tensor::zeros({6, 2});
  batch.targets = Tensor::from<std::int64_t>({0, 1, 2, 3, 4, 5}, {6});
  const Batch part = batch.slice(2, 5).slice(1, 3);
  EXPECT_EQ(part.size(), 2);
  EXPECT_THAT(part.targets.to_vector<std::int64_t>(), ElementsAre(3, 4));
  EXPECT_THAT(part.row_ids.to_vector<std::int64_t>(), ElementsAre(3, 4));
}

}  // namespace
}  // namespace polder
