#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "polder/core/random.h"
#include "polder/core/tensor.h"
#include "polder/kernels/recording.h"

/// What a device can do to tensors: the table of contents of the machine.
///
/// Conventions for every function below.
/// - Inputs come first, outputs last. Outputs are allocated by the caller, fully overwritten unless
///   the line says "adds to", and never alias an input unless the line says "may be in place".
/// - Tensors are contiguous, row-major, on this back end's device. Floating arguments share one
///   element type (float32 or float64); labels and indices are int64.
/// - Functions of activations take bfloat16 too: they compute in float32 and round each result once
///   to nearest even. What belongs to parameters and losses is float32 beside bfloat16 activations:
///   scales, shifts and moments of normalisations, losses and their gradients, the table that
///   scatter_add_rows adds to and dw of a convolution. A product and a sum write what their y
///   holds, bfloat16 or float32. Random numbers, choices and flat kernels know no bfloat16.
/// - Shapes are checked by the callers in autograd/ and nn/, who know the names to put into the
///   message; back ends may assume them.
/// - Scalars that steer a step live on the device: 0-d float64 tensors.
/// - Sums have a fixed order that depends on shapes alone: the same bits for any thread count.
/// - NaN is passed on: by every function but `step`, and as the largest element by maxima, max_pool
///   and arg_max.
/// - Labels and row indices out of range throw Error on the cpu. A card cannot throw: there they
///   make NaN of the row they ask for, and of a row's loss and gradient.
namespace polder::kernels {

/// y = f(x). `step` is 1 where x > 0, else 0; `sign` is 0 at 0; `gelu` is x Phi(x), exact form.
enum class Unary : std::uint8_t {
  neg,
  abs,
  sign,
  step,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  exp,
  log,
  erf,
  tanh,
  sigmoid,
  relu,
  gelu
};

/// y = a op b. `max` and `min` pass NaN on from either side; of -0 and 0 they may give either.
enum class Binary : std::uint8_t { add, sub, mul, div, max, min };

/// How the second operand of a binary function meets the first, by name and never by accident:
/// `none` same shape; `trailing` b's axes are a's last (a bias over rows; also a 0-d b);
/// `leading` b's axes are a's first (one factor per row or sample).
enum class Broadcast : std::uint8_t { none, trailing, leading };

enum class Reduction : std::uint8_t { sum, max };

/// A tensor seen as [outer, n, inner] around one axis (or a run of axes) of n elements.
struct AxisView {
  std::int64_t outer = 1, n = 1, inner = 1;
};

/// Geometry of a 2-d convolution or pooling window, height then width.
struct Window {
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t padding_h = 0, padding_w = 0;
};

/// floor((size + 2 padding - kernel) / stride) + 1
constexpr std::int64_t window_outputs(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                      std::int64_t padding) {
  return (size + 2 * padding - kernel) / stride + 1;
}

/// Segments of a flat array, as the flat kernels need them. `offsets` holds S + 1 positions (int64,
/// device); segment s is [offsets[s], offsets[s + 1]). `adaptive` (int64, device, [S]) is 1 where
/// T = |w| + xi applies and 0 where T = 1. `host_offsets` is the same as `offsets`.
struct Segments {
  Tensor offsets;
  Tensor adaptive;
  std::vector<std::int64_t> host_offsets;
};

/// The metric T of an ascent step: plain (T = 1) or adaptive (T = |w| + xi on marked segments, T =
/// 1 on the others; `everywhere`: T = |w| + xi on all of them).
struct Metric {
  bool adaptive = false;
  double xi = 0.0;
  bool everywhere = false;
};

struct SgdCoefficients {
  double momentum = 0.0;      // mu
  double dampening = 0.0;     // tau
  double weight_decay = 0.0;  // lambda, coupled: G <- G + lambda w
  bool nesterov = false;
  bool first = false;  // the first step copies G into the momentum
};

struct AdamCoefficients {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.0;
  bool decoupled = true;  // AdamW: w <- w - eta lambda w; otherwise coupled like SGD's
  std::int64_t step = 1;  // k, counted from 1
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;

  /// Keeps what `work` asks of this device instead of doing it; replays do it. The work must ask
  /// for the same things every time: it may not read from the device to the host or write from the
  /// host to the device (Error). Null where a device has nothing to gain (cpu).
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;

  // ---- memory ------------------------------------------------------------------------------
  virtual void fill(double value, Tensor& y) = 0;
  /// y = x in y's element type (bfloat16 rounds to nearest even). Any floating or integer pair.
  virtual void cast(const Tensor& x, Tensor& y) = 0;

  // ---- elementwise -------------------------------------------------------------------------
  /// y = f(x). May be in place.
  virtual void unary(Unary f, const Tensor& x, Tensor& y) = 0;
  /// dx = f'(x) dy, given y = f(x). May be in place of dy.
  virtual void unary_backward(Unary f, const Tensor& x, const Tensor& y, const Tensor& dy,
                              Tensor& dx) = 0;
  /// y = a op b. a and y [outer, inner]; b [outer, inner], [inner] (trailing) or [outer] (leading).
  /// May be in place of a.
  virtual void binary(Binary op, const Tensor& a, const Tensor& b, Broadcast broadcast,
                      Tensor& y) = 0;
  /// y = scale x + shift, host constants. May be in place.
  virtual void affine(const Tensor& x, double scale, double shift, Tensor& y) = 0;
  /// y = alpha x + beta y; with beta = 0 the old y is not read.
  virtual void axpby(double alpha, const Tensor& x, double beta, Tensor& y) = 0;
  /// y = alpha x + beta y, the factors 0-d float64 on the device, rounded to the element type. With
  /// beta = 0 the old y is not read, with alpha = 0 x is not read: neutral factors are exact.
  virtual void scaled_add(const Tensor& alpha, const Tensor& x, const Tensor& beta, Tensor& y) = 0;

  // ---- reductions and layout ---------------------------------------------------------------
  /// y[o, i] = reduction over n of x[o, n, i].
  virtual void reduce(Reduction op, const Tensor& x, AxisView view, Tensor& y) = 0;
  /// index[r] = position of the largest of x[r, :] (the lowest on ties). x [rows, n].
  virtual void arg_max(const Tensor& x, Tensor& index) = 0;
  /// y[o, n, i] = x[o, i]: the adjoint of the sum.
  virtual void expand(const Tensor& x, AxisView view, Tensor& y) = 0;
  /// y = x with axes reordered: y.size(k) = x.size(order[k]).
  virtual void permute(const Tensor& x, std::span<const int> order, Tensor& y) = 0;
  /// y[:, y_begin : y_begin + count, :] = x[:, x_begin : x_begin + count, :] around `axis`; the
  /// rest of y is left alone.
  virtual void copy_along(int axis, const Tensor& x, std::int64_t x_begin, Tensor& y,
                          std::int64_t y_begin, std::int64_t count) = 0;

  // ---- rows --------------------------------------------------------------------------------
  /// y[r, :] = table[index[r], :]. table [n, d], index [m], y [m, d].
  virtual void gather_rows(const Tensor& table, const Tensor& index, Tensor& y) = 0;
  /// Adds to table[index[r], :] the row x[r, :], rows in ascending r.
  virtual void scatter_add_rows(const Tensor& x, const Tensor& index, Tensor& table) = 0;
  /// table[index[r], :] = x[r, :]; the other rows are left alone. The indices differ from one
  /// another. Any element type.
  virtual void put_rows(const Tensor& x, const Tensor& index, Tensor& table) = 0;
  /// y.flat[i] = x.flat[index.flat[i]].
  virtual void gather_elements(const Tensor& x, const Tensor& index, Tensor& y) = 0;
  /// Adds to y.flat[index.flat[i]] the element x.flat[i], in ascending i.
  virtual void scatter_add_elements(const Tensor& x, const Tensor& index, Tensor& y) = 0;
  /// y[r, c] = 1 - smoothing + smoothing / C where c = labels[r], else smoothing / C. y [rows, C].
  virtual void one_hot(const Tensor& labels, double smoothing, Tensor& y) = 0;

  // ---- choosing ----------------------------------------------------------------------------
  /// Runs `then` if the decision (0-d float64) is not 0; NaN counts as not 0. Not a host read: the
  /// device decides, and a back end may record `then` once and leave the choice to the device. So
  /// what `then` does on the host must come out the same whether or not it runs.
  virtual void branch(const Tensor& decision, const std::function<void()>& then) = 0;
  /// index [k] = positions of the k largest of x [n], in ascending position. Ties go to the lower
  /// position, NaN ranks last. 0 <= k <= n.
  virtual void largest(const Tensor& x, std::int64_t k, Tensor& index) = 0;
  /// mask[i] = 1 at the k largest of x among the positions where candidates[i] is not 0, else 0:
  /// ties go to the lower position, NaN ranks last; all candidates when there are fewer than k.
  /// x, candidates, mask of one length and type. May be in place of candidates.
  virtual void mark_largest(const Tensor& x, const Tensor& candidates, std::int64_t k,
                            Tensor& mask) = 0;

  // ---- products ----------------------------------------------------------------------------
  /// y = op(a) op(b), op transposes the last two axes when asked. 2-d, or 3-d with a leading batch
  /// axis on all three.
  virtual void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                      Tensor& y) = 0;
  /// x [N, H, W, Ci], w [Co, Kh, Kw, Ci / groups], y [N, Ho, Wo, Co].
  virtual void conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
                      Tensor& y) = 0;
  /// dx of the convolution; dx's shape gives H and W.
  virtual void conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                     std::int64_t groups, Tensor& dx) = 0;
  virtual void conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                      std::int64_t groups, Tensor& dw) = 0;

  // ---- pooling (NHWC; padding never wins a maximum and counts as zero in an average) ----------
  /// y and the flat position in x of each maximum (the first in window order on ties).
  virtual void max_pool(const Tensor& x, Window window, Tensor& y, Tensor& index) = 0;
  /// Mean over the whole window area Kh Kw, padding included.
  virtual void average_pool(const Tensor& x, Window window, Tensor& y) = 0;
  /// Adjoint of average_pool.
  virtual void average_pool_backward(const Tensor& dy, Window window, Tensor& dx) = 0;

  // ---- normalisation -----------------------------------------------------------------------
  /// Per channel over rows: y = (x - mean) inv_std gamma + beta, inv_std = 1 / sqrt(var + epsilon),
  /// biased variance. x, y [rows, C]; gamma, beta, mean, inv_std [C].
  virtual void batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                          Tensor& y, Tensor& mean, Tensor& inv_std) = 0;
  virtual void batch_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                   const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                   Tensor& dgamma, Tensor& dbeta) = 0;
  /// running <- (1 - momentum) running + momentum batch; the batch variance is recovered from
  /// inv_std and made unbiased with rows / (rows - 1); a single row has variance 0.
  virtual void batch_norm_track(const Tensor& mean, const Tensor& inv_std, double epsilon,
                                double momentum, std::int64_t rows, Tensor& running_mean,
                                Tensor& running_variance) = 0;
  /// Per row over n: as batch_norm. x, y [rows, n]; gamma, beta [n]; mean, inv_std [rows].
  virtual void layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                          Tensor& y, Tensor& mean, Tensor& inv_std) = 0;
  virtual void layer_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                   const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                   Tensor& dgamma, Tensor& dbeta) = 0;

  // ---- softmax and losses (rows, classes last) ---------------------------------------------
  virtual void softmax(const Tensor& x, Tensor& y) = 0;
  virtual void softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) = 0;
  virtual void log_softmax(const Tensor& x, Tensor& y) = 0;
  virtual void log_softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) = 0;
  /// losses[r] = -sum_c target[r, c] log softmax(x[r])[c], target = one_hot(labels, smoothing).
  virtual void cross_entropy(const Tensor& x, const Tensor& labels, double smoothing,
                             Tensor& losses) = 0;
  /// dx[r] = (softmax(x[r]) - target[r]) dlosses[r].
  virtual void cross_entropy_backward(const Tensor& x, const Tensor& labels, double smoothing,
                                      const Tensor& dlosses, Tensor& dx) = 0;

  // ---- random numbers ----------------------------------------------------------------------
  /// Element i is low + (high - low) uniform(key, i), and mean + deviation normal(key, i).
  virtual void random_uniform(RandomKey key, double low, double high, Tensor& y) = 0;
  virtual void random_normal(RandomKey key, double mean, double deviation, Tensor& y) = 0;
  /// y = x / (1 - p) where kept, else 0. Element (r, j) of x [rows, inner] is kept when
  /// uniform(key, id(r) inner + j) >= p, with id(r) = row_ids[r], or r when row_ids is undefined:
  /// the same sample meets the same mask in any subset of the batch. Its own adjoint.
  virtual void dropout(const Tensor& x, double p, RandomKey key, const Tensor& row_ids,
                       Tensor& y) = 0;

  // ---- flat kernels: one pass over all weights ---------------------------------------------
  // Those that write weights write their `copy` in the same pass where it is defined (bfloat16, w
  // float32): the new weights rounded to nearest even, 2 bytes more for each weight.
  /// out = <x, y> in float64 (0-d); reproducible, one fixed tree for every thread or grid count.
  virtual void dot(const Tensor& x, const Tensor& y, Tensor& out) = 0;
  /// out = ||T g||^2 in float64 (0-d), T the metric at w. With T = 1 the bits of dot(g, g).
  virtual void metric_squared_norm(const Tensor& w, const Tensor& g, Metric metric,
                                   const Segments& segments, Tensor& out) = 0;
  /// scale[s] = rho[s] / (sqrt(squared_norm) + c), c = 1e-12; norm = sqrt(squared_norm).
  /// rho and scale: 0-d, or [S] for one radius per segment.
  virtual void ascent_scale(const Tensor& rho, const Tensor& squared_norm, Tensor& scale,
                            Tensor& norm) = 0;
  /// shifted = w + scale T T g. Reads w and g, writes shifted: 12 bytes per float32 weight. Where
  /// the step is 0 the bits are those of w, also of -0. May be in place of w.
  virtual void perturb(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                       const Segments& segments, Tensor& shifted, const Tensor& copy = {}) = 0;
  /// u = scale T T g, the direction alone. May be in place of g.
  virtual void ascent_direction(const Tensor& w, const Tensor& g, const Tensor& scale,
                                Metric metric, const Segments& segments, Tensor& u) = 0;
  /// G = g + lambda w; m <- mu m + (1 - tau) G (G on the first step); Update = m, or G + mu m with
  /// Nesterov, or G without momentum; w <- w - rate Update. 20 bytes per float32 weight.
  /// g is never written. rate: 0-d float64.
  virtual void sgd_update(const SgdCoefficients& coefficients, const Tensor& rate, const Tensor& g,
                          Tensor& w, Tensor& momentum, const Tensor& copy = {}) = 0;
  /// m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g g; with m^ = m / (1 - b1^k), v^ likewise:
  /// w <- w - rate (lambda w + m^ / (sqrt(v^) + epsilon)). 28 bytes per float32 weight.
  virtual void adam_update(const AdamCoefficients& coefficients, const Tensor& rate,
                           const Tensor& g, Tensor& w, Tensor& m, Tensor& v,
                           const Tensor& copy = {}) = 0;
  /// q_i <- D_i q_i, D = d Update / d G of adam_update just after step k: m and v are the new
  /// moments, g the gradient that step was given, rate its rate, w the weights it left behind. With
  /// coupled decay D is taken at G = g + lambda w_before, and w_before = w + rate Update needs no
  /// copy because m and v give Update; otherwise w and rate are not read.
  ///   D = [(1-b1)/(1-b1^k) - m^ (1-b2) G / ((1-b2^k) sqrt(v^) (sqrt(v^)+e))] / (sqrt(v^)+e),
  /// without the second term where v^ = 0, and e / (|G|+e)^2 at k = 1, where the terms cancel.
  virtual void adam_derivative(const AdamCoefficients& coefficients, const Tensor& rate,
                               const Tensor& g, const Tensor& w, const Tensor& m, const Tensor& v,
                               Tensor& q) = 0;
  /// x <- x min(1, limit / (sqrt(squared_norm) + c)), the limit a host constant.
  virtual void clip(double limit, const Tensor& squared_norm, Tensor& x) = 0;
};

/// The back end of a device. Throws Error naming the devices present when there is none.
Backend& backend_of(Device device);
inline Backend& backend_of(const Tensor& tensor) { return backend_of(tensor.device()); }

/// Devices with a back end in this program on this machine.
std::vector<Device> available_devices();

/// Threads the CPU back end uses; results do not depend on it.
void set_thread_count(int count);
int thread_count();

/// Whether products and convolutions of float32 may round their factors to TF32 (10 bits of
/// fraction instead of 23) where a device multiplies that faster; sums stay float32. Not at first.
void allow_tf32(bool allowed);
bool tf32_allowed();

}  // namespace polder::kernels
