#include "polder/optim/rules/none.h"

namespace polder::optim {

StepReport None::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  return {.loss = objective.gradient(batch, g)};
}

}  // namespace polder::optim
