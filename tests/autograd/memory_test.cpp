#include <gtest/gtest.h>

#include "polder/autograd/functions.h"
#include "polder/core/allocator.h"

/// What the tape holds on to, and for how long.
namespace polder::autograd {
namespace {

std::size_t bytes_in_use() { return allocator_of(kCpu).stats().bytes_in_use; }

Variable leaf(const Shape& shape, const char* name) {
  Tensor x = Tensor::empty(shape);
  kernels::backend_of(x).random_uniform(random_key(3, name), -1.0, 1.0, x);
  return Variable(x, true);
}

/// A small network with each kind of layer that keeps something for its gradient.
struct Network {
  Variable w1 = leaf({4, 3, 3, 2}, "w1"), gamma = leaf({4}, "gamma"), beta = leaf({4}, "beta");
  Variable w2 = leaf({3, 4}, "w2"), bias = leaf({3}, "bias");
  Variable x = Variable(leaf({5, 6, 6, 2}, "x").value());
  Tensor labels = Tensor::from<std::int64_t>({0, 2, 1, 1, 0}, {5});

  Variables weights() const { return {w1, gamma, beta, w2, bias}; }

  Variable loss() const {
    const Variable convolved = batch_norm(conv2d(x, w1, 1, 1), gamma, beta, 1e-5);
    const Variable pooled = max_pool2d(relu(convolved), {2, 2, 2, 2});
    const Variable features = dropout(global_average_pool(pooled), 0.2, random_key(1, "mask"));
    return mean(cross_entropy(linear(features, w2, bias), labels, 0.1));
  }
};

TEST(Memory, APassFreesEveryActivation) {
  const Network network;
  grad({network.loss()}, network.weights());  // back ends may keep workspaces
  const std::size_t before = bytes_in_use();
  const Variable loss = network.loss();
  const std::size_t recorded = bytes_in_use();
  grad({loss}, network.weights());
  EXPECT_GT(recorded, before + 10000);
  EXPECT_EQ(bytes_in_use(), before + 64) << "more than the loss itself is left";
}

TEST(Memory, ADroppedRecordFreesEveryActivation) {
  const Network network;
  network.loss();
  const std::size_t before = bytes_in_use();
  network.loss();
  EXPECT_EQ(bytes_in_use(), before);
}

TEST(Memory, AGradientOfAGradientLeavesNothing) {
  const Network network;
  grad({network.loss()}, network.weights());
  const std::size_t before = bytes_in_use();
  {
    const Variables gradients =
        grad({network.loss()}, network.weights(), {}, {.create_graph = true});
    grad({sum(square(gradients[0]))}, network.weights());
  }
  EXPECT_EQ(bytes_in_use(), before);
}

TEST(Memory, ActivationsAreFreedWhileThePassGoesOn) {
  constexpr std::int64_t kBytes = 1 << 20;
  const Variable x = leaf({kBytes / 4}, "x");
  Variable y = x;
  for (int i = 0; i < 20; ++i) y = tanh(y);
  allocator_of(kCpu).reset_peak();
  const std::size_t before = bytes_in_use();
  const Variable loss = sum(y);
  y = Variable();
  grad({loss}, {x});
  EXPECT_LE(allocator_of(kCpu).stats().peak_bytes, before + 3 * kBytes);
}

TEST(Memory, ManyUsesOfAValueAddUpInOneBuffer) {
  constexpr std::int64_t kBytes = 1 << 20;
  const Variable x = leaf({kBytes / 4}, "x");
  Variables parts;
  for (int i = 0; i < 20; ++i) parts.push_back(reshape(sum(affine(x, i)), {1}));
  const Variable loss = sum(concatenate(parts, 0));
  parts.clear();
  const std::size_t before = bytes_in_use();
  allocator_of(kCpu).reset_peak();
  grad({loss}, {x});
  EXPECT_LE(allocator_of(kCpu).stats().peak_bytes, before + 4 * kBytes);
}

TEST(Memory, TheGradientOfImagesIsNotComputedUnlessAsked) {
  const Variable images(leaf({1, 256, 256, 4}, "images").value());
  const Variable w = leaf({2, 1, 1, 4}, "w");
  const Variable loss = sum(conv2d(images, w, 64));
  const std::size_t before = bytes_in_use();
  allocator_of(kCpu).reset_peak();
  grad({loss}, {w});
  EXPECT_LT(allocator_of(kCpu).stats().peak_bytes, before + images.value().bytes() / 2);
}

TEST(Memory, ARepeatedStepAsksTheSystemForNothing) {
  const Network network;
  const auto step = [&] {
    grad({network.loss()}, network.weights());
    const Variables gradients =
        grad({network.loss()}, network.weights(), {}, {.create_graph = true});
    grad({sum(square(gradients[0]))}, network.weights());
  };
  step();
  const auto before = allocator_of(kCpu).stats().system_calls;
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(allocator_of(kCpu).stats().system_calls, before);
}

TEST(DeepRecord, IsWalkedAndReleasedWithoutRecursion) {
  const Variable x = leaf({1}, "x");
  const auto deep = [&] {
    Variable y = x;
    for (int i = 0; i < 100000; ++i) y = affine(y, -1.0);
    return y;
  };
  deep();
  EXPECT_EQ(grad({deep()}, {x})[0].value().item(), 1.0);
  const Variable gradient =
      grad({deep()}, {x}, {Variable(x.value(), true)}, {.create_graph = true})[0];
  EXPECT_TRUE(gradient.requires_grad());
}

TEST(DeepRecord, OffThePathIsReleasedWithoutRecursion) {
  const Variable x = leaf({1}, "x"), w = leaf({1}, "w");
  Variable branch = x;
  for (int i = 0; i < 100000; ++i) branch = affine(branch, -1.0);
  Variable y = mul(branch, w);
  branch = Variable();
  EXPECT_EQ(grad({y}, {w})[0].value().item(), x.value().item());
}

}  // namespace
}  // namespace polder::autograd
