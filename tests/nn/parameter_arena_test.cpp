#include "polder/nn/parameter_arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "support.h"

namespace polder::nn {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;

/// Three weights of odd sizes, no computation.
class Weights : public Module {
 public:
  explicit Weights(DType last = DType::float32) {
    matrix = add_parameter("matrix", SegmentKind::weight, counted({3, 7}, 1.0F));
    shift = add_parameter("shift", SegmentKind::norm_shift, counted({16}, 100.0F));
    table = add_parameter("table", SegmentKind::embedding,
                          last == DType::float32 ? counted({5}, 200.0F) : Tensor::zeros({5}, last));
  }
  Variable forward(const Variable& x, Pass&) override { return x; }

  Variable matrix, shift, table;

 private:
  static Tensor counted(const Shape& shape, float first) {
    std::vector<float> values(static_cast<std::size_t>(shape.numel()));
    std::iota(values.begin(), values.end(), first);
    return Tensor::from(values, shape);
  }
};

class Parent : public Module {
 public:
  explicit Parent(std::shared_ptr<Module> child) { add_module("child", std::move(child)); }
  Variable forward(const Variable& x, Pass&) override { return x; }
};

/// Values of a flat tensor that belong to no segment.
std::vector<float> padding_of(const ParameterArena& arena, const Tensor& flat) {
  const std::vector<float> values = flat.to_vector<float>();
  std::vector<float> padding;
  std::int64_t position = 0;
  for (const Segment& segment : arena.segments()) {
    for (; position < segment.offset; ++position)
      padding.push_back(values[static_cast<std::size_t>(position)]);
    position += segment.shape.numel();
  }
  padding.insert(padding.end(), values.begin() + position, values.end());
  return padding;
}

TEST(ParameterArena, LaysSegmentsOutAlignedWithTheirInitialValues) {
  Weights model;
  const auto initial = model.matrix.value().to_vector<float>();
  ParameterArena arena(model);

  ASSERT_EQ(arena.segments().size(), 3U);
  EXPECT_EQ(arena.weight_count(), 21 + 16 + 5);
  EXPECT_EQ(arena.flat_size(), 32 + 16 + 16);
  EXPECT_THAT(arena.table().host_offsets, ElementsAre(0, 32, 48, 64));
  EXPECT_THAT(arena.table().offsets.to_vector<std::int64_t>(), ElementsAre(0, 32, 48, 64));
  EXPECT_THAT(arena.table().adaptive.to_vector<std::int64_t>(), ElementsAre(1, 0, 1));
  for (const Segment& segment : arena.segments()) {
    EXPECT_EQ(segment.offset % kSegmentAlignment, 0) << segment.name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(segment.variable.value().raw()) % 64, 0U);
  }
  EXPECT_EQ(arena.segments()[2].name, "table");
  EXPECT_EQ(arena.segments()[0].shape, (Shape{3, 7}));
  EXPECT_THAT(arena.part(arena.home(), arena.segments()[0]).to_vector<float>(),
              ElementsAreArray(initial));
}

TEST(ParameterArena, PaddingIsZeroInEveryFlatTensor) {
  Weights model;
  ParameterArena arena(model);
  for (const Tensor& flat : {arena.home(), arena.twin(), arena.make_flat()}) {
    const auto padding = padding_of(arena, flat);
    EXPECT_EQ(padding.size(), 64U - 42U);
    EXPECT_THAT(padding, Each(0.0F));
  }
}

TEST(ParameterArena, ModelReadsTheActiveBufferAndHomeStaysUntouched) {
  Weights model;
  ParameterArena arena(model);
  const auto clean = arena.home().to_vector<float>();
  const void* home_address = model.matrix.value().raw();

  arena.twin().data<float>()[32] = -1.0F;
  EXPECT_EQ(model.shift.value().to_vector<float>()[0], 100.0F);
  arena.activate_twin();
  EXPECT_TRUE(arena.at_twin());
  EXPECT_TRUE(arena.active().shares_memory_with(arena.twin()));
  EXPECT_EQ(model.shift.value().to_vector<float>()[0], -1.0F);
  EXPECT_EQ(model.shift.value().to_vector<float>()[1], 101.0F);

  arena.activate_home();
  EXPECT_FALSE(arena.at_twin());
  EXPECT_EQ(model.matrix.value().raw(), home_address);
  EXPECT_EQ(model.shift.value().to_vector<float>()[0], 100.0F);
  EXPECT_THAT(arena.home().to_vector<float>(), ElementsAreArray(clean));
}

TEST(ParameterArena, PartsOfAFlatTensorShareItsMemory) {
  Weights model;
  ParameterArena arena(model);
  const Tensor flat = arena.make_flat();
  const Tensor part = arena.part(flat, arena.segments()[2]);
  EXPECT_EQ(part.shape(), Shape{5});
  part.data<float>()[4] = 9.0F;
  EXPECT_EQ(flat.to_vector<float>()[48 + 4], 9.0F);
  EXPECT_EQ(error_of([&] { (void)arena.part(Tensor::zeros({42}), arena.segments()[0]); }),
            "ParameterArena::part: tensor [42], wanted [64]");
}

TEST(ParameterArena, HoldsNamedWeightsWithoutAModel) {
  ParameterArena arena(
      {{"x", Tensor::from<double>({1.5}, {})}, {"y", Tensor::from<double>({2.0, 3.0}, {2})}});
  EXPECT_EQ(arena.dtype(), DType::float64);
  EXPECT_EQ(arena.weight_count(), 3);
  ASSERT_EQ(arena.variables().size(), 2U);
  EXPECT_EQ(arena.variables()[0].value().item(), 1.5);
  EXPECT_THAT(arena.variables()[1].value().to_vector<double>(), ElementsAre(2.0, 3.0));
  EXPECT_TRUE(arena.variables()[1].requires_grad());
}

TEST(ParameterArena, RefusesASecondArenaOnTheSameWeights) {
  const auto child = std::make_shared<Weights>();
  Parent parent(child);
  {
    ParameterArena arena(*child);
    EXPECT_EQ(error_of([&] { ParameterArena second(*child); }),
              "ParameterArena: the module already lives in an arena");
    EXPECT_EQ(error_of([&] { ParameterArena second(parent); }),
              "ParameterArena: child already lives in an arena");
  }
  ParameterArena later(parent);  // the first arena is gone
  EXPECT_EQ(later.segments()[0].name, "child.matrix");
}

TEST(ParameterArena, RefusesWeightsItCannotPutInOneTensor) {
  Weights mixed(DType::float64);
  EXPECT_EQ(error_of([&] { ParameterArena arena(mixed); }),
            "ParameterArena: table is float64 on cpu, but matrix is float32 on cpu");
  EXPECT_EQ(error_of([] {
              ParameterArena arena({{"n", Tensor::zeros({1}, DType::bfloat16)}});
            }),
            "ParameterArena: n is bfloat16, wanted float32 or float64");
  class Empty : public Module {
    Variable forward(const Variable& x, Pass&) override { return x; }
  } empty;
  EXPECT_EQ(error_of([&] { ParameterArena arena(empty); }),
            "ParameterArena: no parameters to hold");
}

}  // namespace
}  // namespace polder::nn
