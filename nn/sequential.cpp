#include "polder/nn/sequential.h"

namespace polder::nn {

Variable Sequential::forward(const Variable& x, Pass& pass) {
  Variable y = x;
  for (const ModulePtr& layer : layers_) y = layer->forward(y, pass);
  return y;
}

}  // namespace polder::nn
