#pragma once

#include <functional>
#include <string>

#include "polder/autograd/variable.h"
#include "polder/core/random.h"

/// Gradients against central differences, in float64.
namespace polder::autograd::testing {

/// The function under test; its inputs are float64 leaves.
using Function = std::function<Variable(const Variables&)>;

/// Checks gradients of the given order. With random vectors r and v_k (and s = r at first) define
///
///   phi_0(x, s) = <s, f(x)>,   phi_k(x, s) = <grad phi_{k-1}(x, s), v_k>
///
/// and compare grad phi_{order-1}, by differentiating the record, with central differences of
/// phi_{order-1}. Because s is an input too, the adjoint of a linear function is checked in earnest
/// at order 2. Returns the largest error of an input's gradient, each relative to that gradient's
/// largest element.
double gradient_error(const Function& f, const std::vector<Tensor>& inputs, int order,
                      std::uint64_t seed);

/// Largest relative difference between the first-order gradient by fused kernels and the one that
/// is recorded (create_graph).
double composite_error(const Function& f, const std::vector<Tensor>& inputs, std::uint64_t seed);

/// Largest relative difference between the gradient of each input asked for alone, the others being
/// constants, and its gradient when all are asked for; fused and recorded.
double separate_error(const Function& f, const std::vector<Tensor>& inputs, std::uint64_t seed);

/// Uniform in [low, high).
Tensor random_tensor(const Shape& shape, double low, double high, RandomKey key);

}  // namespace polder::autograd::testing
