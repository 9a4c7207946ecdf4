#pragma once

#include "polder/kernels/backend.h"

namespace polder::kernels::cpu {

/// Plain vectorised loops over threads, and Eigen for products: both fast and the reference. Each
/// family of functions has its file in this folder.
class CpuBackend final : public Backend {
 public:
  Device device() const override { return kCpu; }
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }

  // memory
  void fill(double value, Tensor& y) override;
  void cast(const Tensor& x, Tensor& y) override;

  // elementwise
  void unary(Unary f, const Tensor& x, Tensor& y) override;
  void unary_backward(Unary f, const Tensor& x, const Tensor& y, const Tensor& dy,
                      Tensor& dx) override;
  void binary(Binary op, const Tensor& a, const Tensor& b, Broadcast broadcast, Tensor& y) override;
  void affine(const Tensor& x, double scale, double shift, Tensor& y) override;
  void axpby(double alpha, const Tensor& x, double beta, Tensor& y) override;
  void scaled_add(const Tensor& alpha, const Tensor& x, const Tensor& beta, Tensor& y) override;

  // reductions and layout
  void reduce(Reduction op, const Tensor& x, AxisView view, Tensor& y) override;
  void arg_max(const Tensor& x, Tensor& index) override;
  void expand(const Tensor& x, AxisView view, Tensor& y) override;
  void permute(const Tensor& x, std::span<const int> order, Tensor& y) override;
  void copy_along(int axis, const Tensor& x, std::int64_t x_begin, Tensor& y, std::int64_t y_begin,
                  std::int64_t count) override;

  // rows
  void gather_rows(const Tensor& table, const Tensor& index, Tensor& y) override;
  void scatter_add_rows(const Tensor& x, const Tensor& index, Tensor& table) override;
  void put_rows(const Tensor& x, const Tensor& index, Tensor& table) override;
  void gather_elements(const Tensor& x, const Tensor& index, Tensor& y) override;
  void scatter_add_elements(const Tensor& x, const Tensor& index, Tensor& y) override;
  void one_hot(const Tensor& labels, double smoothing, Tensor& y) override;

  // choosing
  void branch(const Tensor& decision, const std::function<void()>& then) override;
  void largest(const Tensor& x, std::int64_t k, Tensor& index) override;
  void mark_largest(const Tensor& x, const Tensor& candidates, std::int64_t k,
                    Tensor& mask) override;

  // products
  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
              Tensor& y) override;
  void conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
              Tensor& y) override;
  void conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window, std::int64_t groups,
                             Tensor& dx) override;
  void conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window, std::int64_t groups,
                              Tensor& dw) override;

  // pooling (NHWC; padding never wins a maximum and counts as zero in an average)
  void max_pool(const Tensor& x, Window window, Tensor& y, Tensor& index) override;
  void average_pool(const Tensor& x, Window window, Tensor& y) override;
  void average_pool_backward(const Tensor& dy, Window window, Tensor& dx) override;

  // normalisation
  void batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  Tensor& y, Tensor& mean, Tensor& inv_std) override;
  void batch_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                           const Tensor& inv_std, const Tensor& dy, Tensor& dx, Tensor& dgamma,
                           Tensor& dbeta) override;
  void batch_norm_track(const Tensor& mean, const Tensor& inv_std, double epsilon, double momentum,
                        std::int64_t rows, Tensor& running_mean, Tensor& running_variance) override;
  void layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  Tensor& y, Tensor& mean, Tensor& inv_std) override;
  void layer_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                           const Tensor& inv_std, const Tensor& dy, Tensor& dx, Tensor& dgamma,
                           Tensor& dbeta) override;

  // softmax and losses (rows, classes last)
  void softmax(const Tensor& x, Tensor& y) override;
  void softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) override;
  void log_softmax(const Tensor& x, Tensor& y) override;
  void log_softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) override;
  void cross_entropy(const Tensor& x, const Tensor& labels, double smoothing,
                     Tensor& losses) override;
  void cross_entropy_backward(const Tensor& x, const Tensor& labels, double smoothing,
                              const Tensor& dlosses, Tensor& dx) override;

  // random numbers
  void random_uniform(RandomKey key, double low, double high, Tensor& y) override;
  void random_normal(RandomKey key, double mean, double deviation, Tensor& y) override;
  void dropout(const Tensor& x, double p, RandomKey key, const Tensor& row_ids, Tensor& y) override;

  // flat kernels: one pass over all weights
  void dot(const Tensor& x, const Tensor& y, Tensor& out) override;
  void metric_squared_norm(const Tensor& w, const Tensor& g, Metric metric,
                           const Segments& segments, Tensor& out) override;
  void ascent_scale(const Tensor& rho, const Tensor& squared_norm, Tensor& scale,
                    Tensor& norm) override;
  void perturb(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
               const Segments& segments, Tensor& shifted, const Tensor& copy) override;
  void ascent_direction(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                        const Segments& segments, Tensor& u) override;
  void sgd_update(const SgdCoefficients& coefficients, const Tensor& rate, const Tensor& g,
                  Tensor& w, Tensor& momentum, const Tensor& copy) override;
  void adam_update(const AdamCoefficients& coefficients, const Tensor& rate, const Tensor& g,
                   Tensor& w, Tensor& m, Tensor& v, const Tensor& copy) override;
  void adam_derivative(const AdamCoefficients& coefficients, const Tensor& rate, const Tensor& g,
                       const Tensor& w, const Tensor& m, const Tensor& v, Tensor& q) override;
  void clip(double limit, const Tensor& squared_norm, Tensor& x) override;
};

}  // namespace polder::kernels::cpu
