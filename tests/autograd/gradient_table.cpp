#include "autograd/gradient_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "polder/autograd/functions.h"

namespace polder::autograd::testing {
namespace {

constexpr auto kLeading = Broadcast::leading;
constexpr auto kTrailing = Broadcast::trailing;
using enum Inputs;

Row row(const std::string& name, Inputs kind, std::vector<Shape> shapes, Function f) {
  return {name, kind, std::move(shapes), std::move(f)};
}

Row row(const std::string& name, std::vector<Shape> shapes, Function f) {
  return row(name, plain, std::move(shapes), std::move(f));
}

Tensor int64(const std::vector<std::int64_t>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

Tensor constant(const std::vector<double>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

std::vector<Row> arithmetic_rows() {
  return {
      row("add", {{2, 3}, {2, 3}}, [](auto& x) { return add(x[0], x[1]); }),
      row("add trailing", {{2, 5, 3}, {5, 3}}, [](auto& x) { return add(x[0], x[1], kTrailing); }),
      row("add leading", {{3, 4}, {3}}, [](auto& x) { return add(x[0], x[1], kLeading); }),
      row("add itself", {{3}}, [](auto& x) { return add(x[0], x[0]); }),
      row("sub", {{7}, {7}}, [](auto& x) { return sub(x[0], x[1]); }),
      row("sub trailing", {{4, 3}, {3}}, [](auto& x) { return sub(x[0], x[1], kTrailing); }),
      row("sub leading", {{3, 2, 2}, {3, 2}}, [](auto& x) { return sub(x[0], x[1], kLeading); }),
      row("mul", {{5, 2}, {5, 2}}, [](auto& x) { return mul(x[0], x[1]); }),
      row("mul trailing", {{2, 3, 2}, {2}}, [](auto& x) { return mul(x[0], x[1], kTrailing); }),
      row("mul leading", {{3, 4}, {3}}, [](auto& x) { return mul(x[0], x[1], kLeading); }),
      row("mul scalar", {{3, 2}, {}}, [](auto& x) { return mul(x[0], x[1], kTrailing); }),
      row("mul itself", {{4}}, [](auto& x) { return mul(x[0], x[0]); }),
      row("div", positive, {{6}, {6}}, [](auto& x) { return div(x[0], x[1]); }),
      row("div trailing", nonzero, {{3, 2}, {2}},
          [](auto& x) { return div(x[0], x[1], kTrailing); }),
      row("div leading", nonzero, {{3, 2}, {3}}, [](auto& x) { return div(x[0], x[1], kLeading); }),
      row("cast", {{3, 2}}, [](auto& x) { return mul(cast(x[0], x[0].dtype()), x[0]); }),
      row("affine", {{3, 3}}, [](auto& x) { return affine(x[0], -2.5, 0.75); }),
  };
}

std::vector<Row> elementwise_rows() {
  return {
      row("neg", {{5}}, [](auto& x) { return neg(x[0]); }),
      row("abs", nonzero, {{7}}, [](auto& x) { return abs(x[0]); }),
      row("square", {{2, 3}}, [](auto& x) { return square(x[0]); }),
      row("sqrt", positive, {{5}}, [](auto& x) { return sqrt(x[0]); }),
      row("rsqrt", positive, {{5}}, [](auto& x) { return rsqrt(x[0]); }),
      row("reciprocal", nonzero, {{6}}, [](auto& x) { return reciprocal(x[0]); }),
      row("exp", {{5}}, [](auto& x) { return exp(x[0]); }),
      row("log", positive, {{5}}, [](auto& x) { return log(x[0]); }),
      row("erf", {{5}}, [](auto& x) { return erf(x[0]); }),
      row("tanh", {{2, 3}}, [](auto& x) { return tanh(x[0]); }),
      row("sigmoid", {{5}}, [](auto& x) { return sigmoid(x[0]); }),
      row("relu", nonzero, {{9}}, [](auto& x) { return relu(x[0]); }),
      row("relu of_square", nonzero, {{7}}, [](auto& x) { return square(relu(x[0])); }),
      row("gelu", {{7}}, [](auto& x) { return gelu(x[0]); }),
  };
}

std::vector<Row> product_rows() {
  return {
      row("matmul", {{3, 4}, {4, 2}}, [](auto& x) { return matmul(x[0], x[1]); }),
      row("matmul transpose_a", {{4, 3}, {4, 2}},
          [](auto& x) { return matmul(x[0], x[1], true, false); }),
      row("matmul transpose_b", {{3, 4}, {2, 4}},
          [](auto& x) { return matmul(x[0], x[1], false, true); }),
      row("matmul transpose_both", {{4, 3}, {2, 4}},
          [](auto& x) { return matmul(x[0], x[1], true, true); }),
      row("matmul batch", {{2, 3, 4}, {2, 4, 1}}, [](auto& x) { return matmul(x[0], x[1]); }),
      row("matmul batch_transpose_both", {{2, 2, 3}, {2, 4, 2}},
          [](auto& x) { return matmul(x[0], x[1], true, true); }),
      row("matmul gram", {{3, 2}}, [](auto& x) { return matmul(x[0], x[0], true, false); }),
      row("linear", {{3, 4}, {2, 4}, {2}}, [](auto& x) { return linear(x[0], x[1], x[2]); }),
      row("linear no_bias", {{3, 2}, {5, 2}}, [](auto& x) { return linear(x[0], x[1], {}); }),
  };
}

std::vector<Row> convolution_rows() {
  return {
      row("conv2d", {{2, 4, 5, 2}, {3, 3, 3, 2}}, [](auto& x) { return conv2d(x[0], x[1]); }),
      row("conv2d padded", {{1, 3, 4, 2}, {2, 3, 3, 2}},
          [](auto& x) { return conv2d(x[0], x[1], 1, 1); }),
      row("conv2d strided", {{1, 6, 5, 1}, {2, 3, 2, 1}},
          [](auto& x) { return conv2d(x[0], x[1], 2, 1); }),
      row("conv2d pointwise", {{2, 3, 2, 3}, {2, 1, 1, 3}},
          [](auto& x) { return conv2d(x[0], x[1]); }),
      row("conv2d pointwise_strided", {{1, 5, 4, 2}, {2, 1, 1, 2}},
          [](auto& x) { return conv2d(x[0], x[1], 2); }),
      row("conv2d groups", {{1, 4, 4, 4}, {6, 3, 3, 2}},
          [](auto& x) { return conv2d(x[0], x[1], 1, 1, 2); }),
      row("conv2d depthwise", {{1, 4, 3, 3}, {3, 2, 2, 1}},
          [](auto& x) { return conv2d(x[0], x[1], 2, 1, 3); }),
      row("conv2d_input_gradient", {{1, 2, 3, 2}, {2, 3, 3, 2}},
          [](auto& x) {
            return conv2d_input_gradient(x[0], x[1], {1, 4, 6, 2}, 2, 1);
          }),
      row("conv2d_input_gradient groups", {{2, 2, 2, 4}, {4, 2, 2, 1}},
          [](auto& x) {
            return conv2d_input_gradient(x[0], x[1], {2, 3, 3, 2}, 1, 0, 2);
          }),
      row("conv2d_weight_gradient", {{1, 4, 6, 2}, {1, 2, 3, 2}},
          [](auto& x) {
            return conv2d_weight_gradient(x[0], x[1], {2, 3, 3, 2}, 2, 1);
          }),
      row("conv2d_weight_gradient groups", {{2, 3, 3, 2}, {2, 2, 2, 4}},
          [](auto& x) {
            return conv2d_weight_gradient(x[0], x[1], {4, 2, 2, 1}, 1, 0, 2);
          }),
  };
}

std::vector<Row> pooling_rows() {
  const Window square2{2, 2, 2, 2, 0, 0}, overlapping{3, 2, 2, 1, 1, 0};
  return {
      row("max_pool2d", distinct, {{2, 4, 4, 2}},
          [=](auto& x) { return max_pool2d(x[0], square2); }),
      row("max_pool2d overlapping", distinct, {{1, 5, 4, 2}},
          [=](auto& x) { return max_pool2d(x[0], overlapping); }),
      row("average_pool2d", {{2, 4, 5, 2}}, [=](auto& x) { return average_pool2d(x[0], square2); }),
      row("average_pool2d overlapping", {{1, 5, 4, 2}},
          [=](auto& x) { return average_pool2d(x[0], overlapping); }),
      row("global_average_pool", {{2, 3, 2, 3}}, [](auto& x) { return global_average_pool(x[0]); }),
  };
}

std::vector<Row> normalisation_rows() {
  return {
      row("batch_norm", {{5, 3}, {3}, {3}},
          [](auto& x) { return batch_norm(x[0], x[1], x[2], 1e-2); }),
      row("batch_norm images", {{2, 2, 3, 2}, {2}, {2}},
          [](auto& x) { return batch_norm(x[0], x[1], x[2], 1e-2); }),
      row("batch_norm_inference", {{2, 2, 3}, {3}, {3}},
          [](auto& x) {
            return batch_norm_inference(x[0], x[1], x[2], constant({0.1, -0.2, 0.3}),
                                        constant({0.5, 1.0, 2.0}), 1e-2);
          }),
      row("layer_norm", {{3, 5}, {5}, {5}},
          [](auto& x) { return layer_norm(x[0], x[1], x[2], 1e-2); }),
      row("layer_norm sequence", {{2, 2, 4}, {4}, {4}},
          [](auto& x) { return layer_norm(x[0], x[1], x[2], 1e-2); }),
  };
}

std::vector<Row> loss_rows() {
  return {
      row("softmax", {{3, 4}}, [](auto& x) { return softmax(x[0]); }),
      row("softmax rank_3", {{2, 2, 3}}, [](auto& x) { return softmax(x[0]); }),
      row("log_softmax", {{3, 4}}, [](auto& x) { return log_softmax(x[0]); }),
      row("log_softmax one_row", {{5}}, [](auto& x) { return log_softmax(x[0]); }),
      row("cross_entropy", {{4, 3}},
          [](auto& x) {
            return cross_entropy(x[0], int64({0, 2, 1, 2}));
          }),
      row("cross_entropy smoothed", {{3, 5}},
          [](auto& x) {
            return cross_entropy(x[0], int64({4, 0, 3}), 0.1);
          }),
      row("softmax_divergence", {{2, 4}},
          [](auto& x) {
            return softmax_divergence(
                x[0], constant({0.3, -1.2, 2.0, 0.1, -0.4, 0.9, 0.0, 1.5}).reshape({2, 4}));
          }),
      row("mean_squared_error", {{3, 2, 2}, {3, 2, 2}},
          [](auto& x) { return mean_squared_error(x[0], x[1]); }),
      row("mean_squared_error one_value_a_row", {{4}, {4}},
          [](auto& x) { return mean_squared_error(x[0], x[1]); }),
  };
}

std::vector<Row> row_rows() {
  return {
      row("dropout", {{5, 7}}, [](auto& x) { return dropout(x[0], 0.4, random_key(7, "mask")); }),
      row("dropout row_ids", {{3, 2, 4}},
          [](auto& x) {
            return dropout(x[0], 0.5, random_key(7, "mask"), int64({9, 0, 4}));
          }),
      row("gather_rows", {{4, 3}},
          [](auto& x) {
            return gather_rows(x[0], int64({2, 0, 2, 3, 2}));
          }),
      row("gather_rows images", {{3, 2, 2}},
          [](auto& x) {
            return gather_rows(x[0], int64({1, 1}));
          }),
      row("scatter_rows", {{4, 2}},
          [](auto& x) {
            return scatter_rows(x[0], int64({1, 4, 1, 0}), 5);
          }),
  };
}

std::vector<Row> reduction_rows() {
  return {
      row("sum all", {{2, 3, 2}}, [](auto& x) { return sum(x[0]); }),
      row("sum axis", {{2, 3, 4}}, [](auto& x) { return sum(x[0], 1); }),
      row("sum last_axis", {{3, 4}}, [](auto& x) { return sum(x[0], -1); }),
      row("mean all", {{5}}, [](auto& x) { return mean(x[0]); }),
      row("mean axis", {{2, 3, 2}}, [](auto& x) { return mean(x[0], 0); }),
      row("max last_axis", distinct, {{3, 4}}, [](auto& x) { return max(x[0], -1); }),
      row("max middle_axis", distinct, {{2, 3, 4}}, [](auto& x) { return max(x[0], 1); }),
      row("max first_axis", distinct, {{4, 2, 3}}, [](auto& x) { return square(max(x[0], 0)); }),
      row("sum_to trailing", {{2, 3, 4}},
          [](auto& x) {
            return sum_to(x[0], {3, 4}, kTrailing);
          }),
      row("sum_to leading", {{2, 3, 4}},
          [](auto& x) {
            return sum_to(x[0], {2, 3}, kLeading);
          }),
      row("broadcast_to trailing", {{3}},
          [](auto& x) {
            return broadcast_to(x[0], {2, 2, 3}, kTrailing);
          }),
      row("broadcast_to leading", {{2, 3}},
          [](auto& x) {
            return broadcast_to(x[0], {2, 3, 2}, kLeading);
          }),
      row("broadcast_to scalar", {{}},
          [](auto& x) {
            return broadcast_to(x[0], {3, 2}, kTrailing);
          }),
  };
}

std::vector<Row> layout_rows() {
  return {
      row("reshape", {{2, 6}},
          [](auto& x) {
            return reshape(x[0], {3, 4});
          }),
      row("permute", {{2, 3, 4}},
          [](auto& x) {
            return permute(x[0], {2, 0, 1});
          }),
      row("transpose", {{3, 2}}, [](auto& x) { return transpose(x[0]); }),
      row("transpose batch", {{2, 3, 2}}, [](auto& x) { return transpose(x[0]); }),
      row("concatenate first_axis", {{2, 3}, {1, 3}, {4, 3}},
          [](auto& x) { return concatenate(x, 0); }),
      row("concatenate last_axis", {{2, 2, 1}, {2, 2, 3}},
          [](auto& x) { return concatenate(x, -1); }),
      row("concatenate itself", {{2, 2}},
          [](auto& x) {
            return concatenate({x[0], x[0]}, 1);
          }),
      row("narrow", {{2, 5, 2}}, [](auto& x) { return narrow(x[0], 1, 1, 4); }),
      row("narrow rows", {{5, 2}}, [](auto& x) { return narrow(x[0], 0, 2, 3); }),
  };
}

}  // namespace

std::vector<Tensor> Row::draw(std::uint64_t seed) const {
  std::vector<Tensor> result;
  for (const Shape& shape : shapes) {
    const RandomKey key = random_key(seed, name, static_cast<std::uint32_t>(result.size()));
    Tensor x = random_tensor(shape, -1.0, 1.0, key);
    double* values = x.data<double>();
    std::vector<std::int64_t> ranks(static_cast<std::size_t>(x.numel()));
    std::iota(ranks.begin(), ranks.end(), 0);
    std::sort(ranks.begin(), ranks.end(), [&](auto a, auto b) { return values[a] < values[b]; });
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      if (kind == nonzero) values[i] = std::copysign(0.3 + 0.7 * std::abs(values[i]), values[i]);
      if (kind == positive) values[i] = 1.0 + 0.5 * values[i];
    }
    if (kind == distinct)
      for (std::size_t r = 0; r < ranks.size(); ++r)
        values[ranks[r]] = 0.05 * (static_cast<double>(r) - 0.5 * static_cast<double>(x.numel()));
    result.push_back(x);
  }
  return result;
}

std::vector<Row> gradient_table() {
  std::vector<Row> table;
  for (auto* family :
       {arithmetic_rows, elementwise_rows, product_rows, convolution_rows, pooling_rows,
        normalisation_rows, loss_rows, row_rows, reduction_rows, layout_rows}) {
    for (Row& row : family()) table.push_back(std::move(row));
  }
  return table;
}

}  // namespace polder::autograd::testing
