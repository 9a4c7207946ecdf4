#include "polder/nn/parameter_arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "polder/autograd/functions.h"
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

/// 1.01 times the small counts: numbers that bfloat16 does not hold.
void scale(const Tensor& flat) {
  for (std::int64_t i = 0; i < flat.numel(); ++i) flat.data<float>()[i] *= 1.01F;
}

std::vector<float> read(const Variable& x) {
  Tensor wide = Tensor::empty(x.shape());
  kernels::backend_of(wide).cast(x.value(), wide);
  return wide.to_vector<float>();
}

TEST(ParameterArena, LayersReadCopiesButForWhatNormalisationsUse) {
  Weights model;
  ParameterArena arena(model, Compute::bfloat16);
  EXPECT_EQ(arena.dtype(), DType::float32);
  EXPECT_EQ(arena.compute_type(), DType::bfloat16);
  EXPECT_EQ(model.matrix.dtype(), DType::bfloat16);
  EXPECT_EQ(model.table.dtype(), DType::bfloat16);
  EXPECT_EQ(model.shift.dtype(), DType::float32);
  scale(arena.home());
  EXPECT_EQ(read(model.matrix)[2], 3.0F) << "the copy is as it was";
  arena.refresh_home_copy();
  EXPECT_EQ(read(model.matrix)[2], static_cast<float>(bfloat16(3.0F * 1.01F)));
  EXPECT_EQ(read(model.shift)[1], 101.0F * 1.01F);
}

TEST(ParameterArena, CopiesGoWhereTheWeightsGo) {
  Weights model;
  ParameterArena arena(model, Compute::bfloat16);
  scale(arena.twin());
  arena.refresh_twin_copy();
  const float home = 5.0F, twin = 5.0F * 1.01F, far = 5.0F * 1.01F * 1.01F;
  const auto rounded = [](float x) { return static_cast<float>(bfloat16(x)); };
  arena.activate_twin();
  EXPECT_EQ(read(model.matrix)[4], rounded(twin));
  {
    const OwnPrecision whole(arena);
    EXPECT_EQ(arena.compute_type(), DType::float32);
    EXPECT_EQ(read(model.matrix)[4], twin);
    arena.activate_home();
    EXPECT_EQ(read(model.matrix)[4], home);
    arena.activate_twin();
  }
  EXPECT_EQ(read(model.matrix)[4], rounded(twin));
  const Tensor elsewhere = arena.twin().clone();
  scale(elsewhere);
  arena.activate(elsewhere);  // averaged weights
  EXPECT_EQ(read(model.matrix)[4], rounded(far));
  arena.activate_home();
  EXPECT_EQ(read(model.matrix)[4], home);
}

TEST(ParameterArena, RecordsMadeAtHomeStayValidInBothPrecisions) {
  Weights model;
  ParameterArena arena(model, Compute::bfloat16);
  const auto sum_of = [&] { return autograd::sum(autograd::square(model.matrix)); };
  const Variable rounded = sum_of();
  Variable whole;
  {
    const OwnPrecision own(arena);
    whole = sum_of();
    arena.activate_twin();
    arena.activate_home();
    EXPECT_EQ(autograd::grad({whole}, {model.matrix})[0].dtype(), DType::float32);
  }
  arena.activate_twin();
  EXPECT_THROW(static_cast<void>(autograd::grad({rounded}, {model.matrix})), Error);
  arena.activate_home();
  const Variable g = autograd::grad({rounded}, {model.matrix})[0];
  EXPECT_EQ(g.dtype(), DType::float32) << "gradients of weights arrive in float32";
  EXPECT_EQ(read(g)[2], 6.0F);
}

TEST(ParameterArena, OwnPrecisionChangesNothingWithoutCopies) {
  Weights model;
  ParameterArena arena(model);
  const Variable y = autograd::sum(model.matrix);
  { const OwnPrecision whole(arena); }
  EXPECT_NO_THROW(static_cast<void>(autograd::grad({y}, {model.matrix})));
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
