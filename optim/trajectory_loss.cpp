#include "polder/optim/trajectory_loss.h"

#include "polder/autograd/functions.h"

namespace polder::optim {

using autograd::Variable;

Variable trajectory_loss(const Variable& z, const Tensor& y, double tau, double lambda) {
  require(z.rank() == 2 && z.shape() == y.shape(),
          "trajectory_loss: outputs {} and recorded ones {}, want the same rows of classes",
          z.shape(), y.shape());
  Tensor target = y.clone();
  kernels::backend_of(y).affine(y, 1.0 / tau, 0.0, target);
  const Variable divergence = autograd::softmax_divergence(autograd::affine(z, 1.0 / tau), target);
  return autograd::affine(divergence, lambda * tau * tau);
}

}  // namespace polder::optim
