#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>

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
  const Variable x = leaf({1 << 18}, "x");
  std::size_t at_the_end = 0;
  Variable y = Variable::result(x.value().clone(), {x},
                                [&](const Variable&, const Variable& dy, const Needs&) {
                                  at_the_end = bytes_in_use();
                                  return Variables{dy};
                                });
  for (int i = 0; i < 20; ++i) y = tanh(y);
  const Variable loss = sum(y);
  y = Variable();
  const std::size_t recorded = bytes_in_use();
  grad({loss}, {x});
  EXPECT_LE(at_the_end, recorded - 18 * x.value().bytes());
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
  grad({loss}, {x}, {}, {.retain_graph = true});
  // The sum, the gradient of one use, and the gradient that this one comes from.
  EXPECT_LT(allocator_of(kCpu).stats().peak_bytes, before + 4 * kBytes);
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

/// Runs f on a thread with a stack of 256 KiB, where a recursion over a deep record would crash.
void run_on_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  const auto body = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &f), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

Variable deep_function_of(Variable x) {
  for (int i = 0; i < 100000; ++i) x = affine(x, -1.0);
  return x;
}

TEST(DeepRecord, IsReleasedWithoutRecursion) {
  run_on_small_stack([] { deep_function_of(leaf({1}, "x")); });
}

TEST(DeepRecord, IsWalkedWithoutRecursion) {
  run_on_small_stack([] {
    const Variable x = leaf({1}, "x"), seed = leaf({1}, "seed");
    EXPECT_EQ(grad({deep_function_of(x)}, {x})[0].value().item(), 1.0);
    const Variable dx = grad({deep_function_of(x)}, {x}, {seed}, {.create_graph = true})[0];
    EXPECT_EQ(grad({dx}, {seed})[0].value().item(), 1.0);
  });
}

TEST(DeepRecord, OffThePathIsReleasedWithoutRecursion) {
  run_on_small_stack([] {
    const Variable x = leaf({1}, "x"), w = leaf({1}, "w");
    const Variable y = mul(deep_function_of(x), w);
    EXPECT_EQ(grad({y}, {w})[0].value().item(), x.value().item());
  });
}

}  // namespace
}  // namespace polder::autograd
