#include "autograd/gradient_check.h"

#include <algorithm>
#include <cmath>

#include "polder/autograd/functions.h"

namespace polder::autograd::testing {
namespace {

Variables leaves(const std::vector<Tensor>& tensors) {
  Variables result;
  for (const Tensor& tensor : tensors) result.emplace_back(tensor, true);
  return result;
}

/// phi_0, phi_1, ... of the header, for one f and one choice of random vectors.
class Contraction {
 public:
  Contraction(const Function& f, std::vector<Tensor> inputs, std::uint64_t seed)
      : f_(f), inputs_(std::move(inputs)), seed_(seed) {
    Variables x = leaves(inputs_);
    inputs_.push_back(random_tensor(f_(x).shape(), -1.0, 1.0, random_key(seed_, "s")));
  }

  /// x, then s.
  const std::vector<Tensor>& inputs() const { return inputs_; }

  Variables gradient(int k, const Variables& at, bool create_graph) const {
    return grad({phi(k, at, true)}, at, {}, {.create_graph = create_graph});
  }

  double value(int k, const std::vector<Tensor>& at) const {
    return phi(k, leaves(at), false).value().item();
  }

 private:
  Variable phi(int k, const Variables& at, bool differentiable) const {
    if (k == 0) return sum(mul(f_({at.begin(), at.end() - 1}), at.back()));
    const Variables gradients = gradient(k - 1, at, differentiable);
    Variable total;
    for (std::size_t i = 0; i < at.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const RandomKey key = random_key(seed_, "v", static_cast<std::uint32_t>(16 * k + i));
      const Variable v(random_tensor(at[i].shape(), -1.0, 1.0, key));
      const Variable term = sum(mul(gradients[i], v));
      total = total.defined() ? add(total, term) : term;
    }
    return total;
  }

  const Function& f_;
  std::vector<Tensor> inputs_;
  std::uint64_t seed_;
};

/// d value / d x[i] by the five-point stencil: its error falls with step^4, so that a step large
/// enough to drown rounding still leaves nine digits.
Tensor central_differences(const Contraction& contraction, int k, std::size_t input) {
  std::vector<Tensor> at = contraction.inputs();
  at[input] = at[input].clone();
  Tensor result = Tensor::zeros(at[input].shape(), DType::float64);
  double* x = at[input].data<double>();
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    const double centre = x[i], step = 1e-3;
    const auto value_at = [&](double offset) {
      x[i] = centre + offset;
      return contraction.value(k, at);
    };
    const double near = value_at(step) - value_at(-step);
    const double far = value_at(2 * step) - value_at(-2 * step);
    result.data<double>()[i] = (8 * near - far) / (12 * step);
    x[i] = centre;
  }
  return result;
}

double relative_error(const Variable& found, const Tensor& wanted) {
  double difference = 0.0, scale = 1e-3;
  for (std::int64_t i = 0; i < wanted.numel(); ++i) {
    const double value = found.defined() ? found.value().data<double>()[i] : 0.0;
    const double other = wanted.data<double>()[i];
    if (std::isnan(value) || std::isnan(other)) return HUGE_VAL;
    difference = std::max(difference, std::abs(value - other));
    scale = std::max(scale, std::abs(other));
  }
  return difference / scale;
}

}  // namespace

double gradient_error(const Function& f, const std::vector<Tensor>& inputs, int order,
                      std::uint64_t seed) {
  const Contraction contraction(f, inputs, seed);
  const int k = order - 1;
  const Variables analytic = contraction.gradient(k, leaves(contraction.inputs()), false);
  double error = 0.0;
  for (std::size_t i = 0; i < analytic.size(); ++i)
    error = std::max(error, relative_error(analytic[i], central_differences(contraction, k, i)));
  return error;
}

double composite_error(const Function& f, const std::vector<Tensor>& inputs, std::uint64_t seed) {
  const Contraction contraction(f, inputs, seed);
  const Variables at = leaves(contraction.inputs());
  const Variables fused = contraction.gradient(0, at, false);
  const Variables recorded = contraction.gradient(0, at, true);
  double error = 0.0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (fused[i].defined() != recorded[i].defined()) return HUGE_VAL;
    if (fused[i].defined()) error = std::max(error, relative_error(recorded[i], fused[i].value()));
  }
  return error;
}

double separate_error(const Function& f, const std::vector<Tensor>& inputs, std::uint64_t seed) {
  const Contraction contraction(f, inputs, seed);
  const Variables all = leaves(contraction.inputs());
  double error = 0.0;
  for (const bool create_graph : {false, true}) {
    const Variables together = contraction.gradient(0, all, create_graph);
    for (std::size_t i = 0; i < all.size(); ++i) {
      Variables at;
      for (const Variable& x : all) at.push_back(at.size() == i ? x : x.detach());
      const Variables alone = contraction.gradient(0, at, create_graph);
      for (std::size_t j = 0; j < at.size(); ++j)
        if (alone[j].defined() != (i == j)) return HUGE_VAL;
      error = std::max(error, relative_error(alone[i], together[i].value()));
    }
  }
  return error;
}

Tensor random_tensor(const Shape& shape, double low, double high, RandomKey key) {
  Tensor x = Tensor::empty(shape, DType::float64);
  for (std::int64_t i = 0; i < x.numel(); ++i)
    x.data<double>()[i] = low + (high - low) * uniform(key, static_cast<std::uint64_t>(i));
  return x;
}

}  // namespace polder::autograd::testing
