#pragma once

#include <cstdint>
#include <vector>

#include "polder/autograd/variable.h"
#include "polder/core/random.h"
#include "polder/kernels/backend.h"

/// Every differentiable function. Each checks shapes, computes through the back end and records a
/// gradient that is itself differentiable. Shapes are row-major; images NHWC.
/// bfloat16: functions of activations take it beside weights in bfloat16, and scales and shifts of
/// normalisations in float32; losses come out in float32. Gradients of leaves in bfloat16 arrive in
/// float32. There are first derivatives only.
/// Errors: polder::Error naming the function, the shapes found and what was wanted. Values of
/// labels and indices are checked where they live in host memory.
namespace polder::autograd {

using kernels::Broadcast;
using kernels::Window;

// ---- arithmetic: y = a op b; broadcasting is named, never guessed (see kernels::Broadcast) ------
Variable add(const Variable& a, const Variable& b, Broadcast broadcast = Broadcast::none);
Variable sub(const Variable& a, const Variable& b, Broadcast broadcast = Broadcast::none);
Variable mul(const Variable& a, const Variable& b, Broadcast broadcast = Broadcast::none);
Variable div(const Variable& a, const Variable& b, Broadcast broadcast = Broadcast::none);
/// scale x + shift, host constants.
Variable affine(const Variable& x, double scale, double shift = 0.0);

/// x in another floating type, rounded to nearest even; x itself when it has that type already.
Variable cast(const Variable& x, DType dtype);

// ---- elementwise ------------------------------------------------------------------------------
Variable neg(const Variable& x);
Variable abs(const Variable& x);
Variable square(const Variable& x);
Variable sqrt(const Variable& x);
Variable rsqrt(const Variable& x);
Variable reciprocal(const Variable& x);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable erf(const Variable& x);
Variable tanh(const Variable& x);
Variable sigmoid(const Variable& x);
/// max(x, 0); derivative 0 at 0.
Variable relu(const Variable& x);
/// x Phi(x), Phi the standard normal distribution function (exact, by erf). arXiv 1606.08415.
Variable gelu(const Variable& x);

// ---- products ---------------------------------------------------------------------------------
/// op(a) op(b). 2-d, or 3-d with equal leading batch sizes.
Variable matmul(const Variable& a, const Variable& b, bool transpose_a = false,
                bool transpose_b = false);
/// x w^T + bias: x [rows, in], w [out, in], bias [out] or undefined.
Variable linear(const Variable& x, const Variable& w, const Variable& bias);
/// x [N, H, W, Ci], w [Co, Kh, Kw, Ci / groups] -> [N, Ho, Wo, Co].
Variable conv2d(const Variable& x, const Variable& w, std::int64_t stride = 1,
                std::int64_t padding = 0, std::int64_t groups = 1);
/// The adjoints of conv2d in x and in w, for a y of its output shape: dx [x_shape], dw [w_shape],
/// which is float32 for bfloat16 x.
Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& x_shape,
                               std::int64_t stride = 1, std::int64_t padding = 0,
                               std::int64_t groups = 1);
Variable conv2d_weight_gradient(const Variable& x, const Variable& dy, const Shape& w_shape,
                                std::int64_t stride = 1, std::int64_t padding = 0,
                                std::int64_t groups = 1);

// ---- pooling ----------------------------------------------------------------------------------
/// Largest in each window, the mean of each window; [N, H, W, C] -> [N, Ho, Wo, C]. Padding (at
/// most half a kernel) never wins a maximum and counts as zero in a mean.
Variable max_pool2d(const Variable& x, Window window);
Variable average_pool2d(const Variable& x, Window window);
/// [N, H, W, C] -> [N, C], the mean over H and W.
Variable global_average_pool(const Variable& x);

// ---- normalisation ----------------------------------------------------------------------------
/// What batch_norm measured on its batch, for running statistics.
struct BatchStatistics {
  Tensor mean, inv_std;  // [C]
  std::int64_t rows = 0;
};
/// Over all axes but the last (channels): gamma (x - mean) / sqrt(var + epsilon) + beta, biased
/// variance of this batch. arXiv 1502.03167.
Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                    BatchStatistics* statistics = nullptr);
/// The same with given mean and variance [C] (evaluation).
Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta,
                              const Tensor& mean, const Tensor& variance, double epsilon);
/// Over the last axis. gamma, beta [n]. arXiv 1607.06450.
Variable layer_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon);

// ---- softmax and losses (over the last axis) ----------------------------------------------------
Variable softmax(const Variable& x);
Variable log_softmax(const Variable& x);
/// Per-sample losses [rows]; x [rows, C], labels int64 [rows] in [0, C).
/// target = (1 - smoothing) one_hot + smoothing / C.
Variable cross_entropy(const Variable& x, const Tensor& labels, double smoothing = 0.0);
/// Per-sample divergences [rows]: KL(softmax(target) || softmax(x)), logits x and target [rows, C],
/// the target a constant. Its gradient softmax(x) - softmax(target) is exactly 0 at x = target.
Variable softmax_divergence(const Variable& x, const Tensor& target);
/// Per-sample losses [rows]: mean over the other axes of (x - target)^2.
Variable mean_squared_error(const Variable& x, const Variable& target);

// ---- random -----------------------------------------------------------------------------------
/// x / (1 - p) where kept, else 0; the mask is a function of (key, row id, element), so the same
/// key replays it. row_ids: int64 [rows] or undefined. 0 <= p < 1.
Variable dropout(const Variable& x, double p, RandomKey key, const Tensor& row_ids = {});

// ---- rows -------------------------------------------------------------------------------------
/// y[r] = table[index[r]]: an embedding lookup, or the rows of a batch. index int64 [m].
Variable gather_rows(const Variable& table, const Tensor& index);
/// y [rows, ...] = zeros with x[r] added at row index[r]: the adjoint of gather_rows. Sums of
/// bfloat16 rows are float32.
Variable scatter_rows(const Variable& x, const Tensor& index, std::int64_t rows);

// ---- reductions and layout ----------------------------------------------------------------------
/// Sum or mean of all elements: 0-d.
Variable sum(const Variable& x);
Variable mean(const Variable& x);
/// Sum over one axis, which disappears.
Variable sum(const Variable& x, int axis);
Variable mean(const Variable& x, int axis);
/// Largest over one axis; the gradient goes to the first of equals.
Variable max(const Variable& x, int axis);
/// Sums x over the axes that `broadcast` would have repeated b along: the adjoint of broadcasting.
Variable sum_to(const Variable& x, const Shape& shape, Broadcast broadcast);
/// Repeats x to `shape`: x's axes are its last (trailing) or first (leading).
Variable broadcast_to(const Variable& x, const Shape& shape, Broadcast broadcast);
Variable reshape(const Variable& x, const Shape& shape);
/// y.size(k) = x.size(order[k]).
Variable permute(const Variable& x, const std::vector<int>& order);
/// Swaps the last two axes.
Variable transpose(const Variable& x);
Variable concatenate(const Variables& parts, int axis);
/// x[..., begin : end, ...] along `axis`.
Variable narrow(const Variable& x, int axis, std::int64_t begin, std::int64_t end);

}  // namespace polder::autograd
