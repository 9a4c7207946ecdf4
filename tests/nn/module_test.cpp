#include "polder/nn/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace polder::nn {
namespace {

using testing::ElementsAre;

/// Parameters and children in any order, for looking at names.
class Box : public Module {
 public:
  using Module::add_buffer;
  using Module::add_module;
  using Module::add_parameter;
  Variable forward(const Variable& x, Pass&) override { return x; }
};

std::vector<std::string> parameter_names(const Module& module) {
  std::vector<std::string> names;
  for (const Parameter& parameter : module.parameters()) names.push_back(parameter.name);
  return names;
}

TEST(Module, ListsNestedParametersUnderDottedNames) {
  Box root;
  root.add_parameter("bias", SegmentKind::bias, Tensor::zeros({2}));
  const auto block = root.add_module("block", std::make_shared<Box>());
  block->add_parameter("weight", SegmentKind::weight, Tensor::zeros({2, 3}));
  block->add_buffer("mean", Tensor::zeros({5}));
  const auto inner = block->add_module("inner", std::make_shared<Box>());
  inner->add_parameter("scale", SegmentKind::norm_scale, Tensor::zeros({1}));

  EXPECT_THAT(parameter_names(root), ElementsAre("bias", "block.weight", "block.inner.scale"));
  EXPECT_EQ(root.parameters()[2].kind, SegmentKind::norm_scale);
  EXPECT_TRUE(root.parameters()[1].variable.requires_grad());
  ASSERT_EQ(root.buffers().size(), 1U);
  EXPECT_EQ(root.buffers()[0].name, "block.mean");
  EXPECT_EQ(root.buffers()[0].tensor.shape(), Shape{5});
}

TEST(Module, ListsAModuleSharedByTwoParentsOnce) {
  Box root;
  const auto shared = root.add_module("left", std::make_shared<Box>());
  shared->add_parameter("weight", SegmentKind::weight, Tensor::zeros({2}));
  root.add_module("right", std::make_shared<Box>())->add_module("same", shared);
  EXPECT_THAT(parameter_names(root), ElementsAre("left.weight"));
}

TEST(Module, BuffersShareMemoryWithTheLayerThatKeepsThem) {
  Box box;
  const Tensor kept = box.add_buffer("mean", Tensor::zeros({1}));
  box.buffers()[0].tensor.data<float>()[0] = 3.0F;
  EXPECT_EQ(kept.item(), 3.0);
}

TEST(Module, RefusesNamesItCannotTellApart) {
  Box box;
  box.add_parameter("weight", SegmentKind::weight, Tensor::zeros({1}));
  const std::string taken = "Module: name \"weight\" is taken in this module";
  EXPECT_EQ(error_of([&] { box.add_buffer("weight", Tensor::zeros({1})); }), taken);
  EXPECT_EQ(error_of([&] { box.add_module("weight", std::make_shared<Box>()); }), taken);
  EXPECT_EQ(error_of([&] { box.add_parameter("a.b", SegmentKind::bias, Tensor::zeros({1})); }),
            "Module: name \"a.b\" is empty or holds a dot");
  EXPECT_EQ(error_of([&] { box.add_module("child", std::shared_ptr<Box>()); }),
            "Module: child \"child\" is null");
}

TEST(Pass, GivesEveryMaskingLayerItsOwnStreamAndReplaysThem) {
  const RandomKey step = random_key(3, "masks", 7);
  Pass first{.masks = step}, second{.masks = step};
  const RandomKey a = first.next_mask(), b = first.next_mask();
  EXPECT_NE(a.stream, b.stream);
  EXPECT_EQ(a.step, 7U);
  EXPECT_EQ(second.next_mask(), a);
  EXPECT_EQ(second.next_mask(), b);
}

}  // namespace
}  // namespace polder::nn
