#pragma once

#include "polder/autograd/variable.h"

namespace polder::optim {

/// lambda tau^2 KL(softmax(y / tau) || softmax(z / tau)) for each row: how far the outputs z moved
/// from the outputs y, which are constants. z a Variable [n, C], y [n, C]; gives [n]. Its gradient
/// in z is lambda tau (softmax(z / tau) - softmax(y / tau)). Throws Error when the shapes differ or
/// are no rows of classes. Source: arXiv 2205.14083, with tau^2 as in the authors' code.
autograd::Variable trajectory_loss(const autograd::Variable& z, const Tensor& y, double tau,
                                   double lambda);

}  // namespace polder::optim
