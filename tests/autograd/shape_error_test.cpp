#include <gtest/gtest.h>

#include <functional>

#include "polder/autograd/functions.h"
#include "test_support.h"

/// One sentence for each mistake: the function, what was found, what was wanted.
namespace polder::autograd {
namespace {

struct Mistake {
  std::function<void()> make;
  std::string sentence;
};

Variable of(const Shape& shape, DType dtype = DType::float32) {
  return Variable(Tensor::zeros(shape, dtype));
}

Tensor int64(const std::vector<std::int64_t>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

void expect_sentences(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) EXPECT_EQ(error_of(mistake.make), mistake.sentence);
}

constexpr auto kTrailing = Broadcast::trailing;
constexpr auto kLeading = Broadcast::leading;

TEST(Mistakes, Arithmetic) {
  expect_sentences({
      {[] {
         add(of({2, 3}), of({3}));
       },
       "add: shapes differ: [2, 3] and [3]"},
      {[] {
         mul(of({2, 3}), of({2}), kTrailing);
       },
       "mul: [2] is not the last axes of [2, 3]"},
      {[] {
         sub(of({2, 3}), of({3}), kLeading);
       },
       "sub: [3] is not the first axes of [2, 3]"},
      {[] {
         div(of({3}), of({2, 3}), kTrailing);
       },
       "div: [2, 3] is not the last axes of [3]"},
      {[] { add(of({2}), of({2}, DType::float64)); },
       "add: element types differ: float32 and float64"},
  });
}

TEST(Mistakes, Products) {
  expect_sentences({
      {[] {
         matmul(of({4, 3}), of({5, 2}));
       },
       "matmul: inner sizes differ: [4, 3] x [5, 2]"},
      {[] {
         matmul(of({4, 3}), of({4, 2}), false, true);
       },
       "matmul: inner sizes differ: [4, 3] x [4, 2]^T"},
      {[] {
         matmul(of({4}), of({4, 2}));
       },
       "matmul: [4] x [4, 2], wanted two matrices or two batches of matrices"},
      {[] {
         matmul(of({2, 4, 3}), of({5, 3, 2}));
       },
       "matmul: batch sizes differ: [2, 4, 3] x [5, 3, 2]"},
      {[] {
         linear(of({4, 3}), of({2, 5}), {});
       },
       "linear: x [4, 3] and w [2, 5], wanted [rows, in] and [out, in]"},
      {[] {
         linear(of({4, 3}), of({2, 3}), of({3}));
       },
       "linear: bias [3], wanted [2]"},
  });
}

TEST(Mistakes, Convolution) {
  expect_sentences({
      {[] {
         conv2d(of({4, 4, 3}), of({2, 3, 3, 3}));
       },
       "conv2d: x [4, 4, 3] and w [2, 3, 3, 3], wanted [N, H, W, Ci] and [Co, Kh, Kw, Ci / "
       "groups]"},
      {[] {
         conv2d(of({1, 4, 4, 3}), of({2, 3, 3, 1}));
       },
       "conv2d: channels of x [1, 4, 4, 3] and w [2, 3, 3, 1] do not fit 1 groups"},
      {[] {
         conv2d(of({1, 4, 4, 3}), of({2, 3, 3, 3}), 0);
       },
       "conv2d: stride 0 and padding 0, wanted at least 1 and 0"},
      {[] {
         conv2d(of({1, 2, 4, 3}), of({2, 3, 3, 3}));
       },
       "conv2d: the kernel of w [2, 3, 3, 3] does not fit into x [1, 2, 4, 3] with padding 0"},
      {[] {
         conv2d_input_gradient(of({1, 3, 3, 2}), of({2, 3, 3, 3}), {1, 4, 4, 3});
       },
       "conv2d_input_gradient: dy [1, 3, 3, 2], wanted [1, 2, 2, 2]"},
      {[] {
         conv2d_weight_gradient(of({1, 4, 4, 3}), of({1, 3, 3, 2}), {2, 3, 3, 3});
       },
       "conv2d_weight_gradient: dy [1, 3, 3, 2], wanted [1, 2, 2, 2]"},
  });
}

TEST(Mistakes, Pooling) {
  expect_sentences({
      {[] {
         max_pool2d(of({4, 4}), {2, 2, 2, 2});
       },
       "max_pool2d: x [4, 4], wanted [N, H, W, C]"},
      {[] {
         average_pool2d(of({1, 1, 4, 2}), {2, 2, 2, 2});
       },
       "average_pool2d: kernel 2, stride 2 and padding 0 do not fit x [1, 1, 4, 2]"},
      {[] {
         max_pool2d(of({1, 4, 4, 2}), {2, 2, 2, 2, 2, 2});
       },
       "max_pool2d: kernel 2, stride 2 and padding 2 do not fit x [1, 4, 4, 2]"},
      {[] {
         global_average_pool(of({4, 4}));
       },
       "global_average_pool: x [4, 4], wanted [N, H, W, C]"},
  });
}

TEST(Mistakes, NormalisationAndLosses) {
  expect_sentences({
      {[] {
         batch_norm(of({4, 3}), of({3}), of({4}), 1e-5);
       },
       "batch_norm: gamma [3] and beta [4] for x [4, 3], wanted [3]"},
      {[] {
         batch_norm(of({0, 3}), of({3}), of({3}), 1e-5);
       },
       "batch_norm: no rows in [0, 3]"},
      {[] {
         batch_norm_inference(of({4, 3}), of({3}), of({3}), Tensor::zeros({2}), Tensor::zeros({3}),
                              1e-5);
       },
       "batch_norm_inference: mean [2] and variance [3] for x [4, 3], wanted [3]"},
      {[] {
         layer_norm(of({4, 3}), of({4}), of({4}), 1e-5);
       },
       "layer_norm: gamma [4] and beta [4] for x [4, 3], wanted [3]"},
      {[] { softmax(of({})); }, "softmax: a scalar has no axis of classes"},
      {[] {
         cross_entropy(of({2, 3, 4}), int64({0, 1}));
       },
       "cross_entropy: x [2, 3, 4], wanted [rows, classes]"},
      {[] {
         cross_entropy(of({2, 3}), int64({0, 1, 2}));
       },
       "cross_entropy: labels [3] for x [2, 3]"},
      {[] {
         cross_entropy(of({2, 3}), int64({0, 3}));
       },
       "cross_entropy: label 3 at position 1, wanted one in [0, 3)"},
      {[] {
         cross_entropy(of({2, 3}), int64({-1, 2}));
       },
       "cross_entropy: label -1 at position 0, wanted one in [0, 3)"},
      {[] {
         cross_entropy(of({2, 3}), Tensor::zeros({2}));
       },
       "cross_entropy: labels and indices float32, wanted int64"},
      {[] {
         cross_entropy(of({2, 3}), int64({0, 1}), 1.5);
       },
       "cross_entropy: smoothing 1.5 is outside [0, 1]"},
      {[] {
         softmax_divergence(of({2, 3}), Tensor::zeros({3, 2}));
       },
       "softmax_divergence: x [2, 3] and target [3, 2], wanted one shape [rows, classes]"},
      {[] {
         mean_squared_error(of({2, 3}), of({2}));
       },
       "mean_squared_error: x [2, 3] and target [2], wanted one shape [rows, ...]"},
  });
}

TEST(Mistakes, RowsAndDropout) {
  expect_sentences({
      {[] {
         gather_rows(of({3, 2}), int64({0, 3}));
       },
       "gather_rows: index 3 at position 1, wanted one in [0, 3)"},
      {[] {
         gather_rows(of({3, 2}), Tensor());
       },
       "gather_rows: labels and indices undefined, wanted int64"},
      {[] {
         scatter_rows(of({3, 2}), int64({0, 1}), 4);
       },
       "scatter_rows: index [2] for x [3, 2]"},
      {[] {
         dropout(of({3, 2}), 1.0, {});
       },
       "dropout: p = 1 is outside [0, 1)"},
      {[] {
         dropout(of({3, 2}), 0.5, {}, int64({0, 1}));
       },
       "dropout: row ids int64 [2] for x [3, 2], wanted int64 [3]"},
  });
}

TEST(Mistakes, ReductionsAndLayout) {
  expect_sentences({
      {[] {
         sum(of({2, 3}), 2);
       },
       "Shape: axis 2 of [2, 3]"},
      {[] {
         max(of({2, 0}), 1);
       },
       "max: no elements along axis 1 of [2, 0]"},
      {[] { mean(of({0})); }, "mean: no elements to average"},
      {[] {
         sum_to(of({2, 3}), {2}, kTrailing);
       },
       "sum_to: [2] is not the last axes of [2, 3]"},
      {[] {
         sum_to(of({2, 3}), {3}, Broadcast::none);
       },
       "sum_to: shapes differ: [2, 3] and [3]"},
      {[] {
         broadcast_to(of({3}), {3, 2}, kTrailing);
       },
       "broadcast_to: [3] is not the last axes of [3, 2]"},
      {[] {
         reshape(of({2, 3}), {4});
       },
       "reshape: [2, 3] has 6 elements, [4] wants 4"},
      {[] {
         permute(of({2, 3}), {0, 0});
       },
       "permute: the order names 2 axes, wanted each axis of [2, 3] once"},
      {[] { transpose(of({2})); }, "transpose: [2] has fewer than two axes"},
      {[] { concatenate({}, 0); }, "concatenate: no parts"},
      {[] {
         concatenate({of({2, 3}), of({3, 3})}, 1);
       },
       "concatenate: [2, 3] and [3, 3] differ in more than axis 1"},
      {[] {
         narrow(of({2, 3}), 1, 2, 4);
       },
       "narrow: 2 to 4 along axis 1 of [2, 3]"},
  });
}

}  // namespace
}  // namespace polder::autograd
