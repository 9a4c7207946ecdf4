#include "polder/nn/pooling.h"

#include "polder/autograd/functions.h"

namespace polder::nn {
namespace {

void require_images(const Variable& x, const std::string& label) {
  require(x.rank() == 4, "{}: input {}, wanted [N, H, W, C]", label, x.shape());
}

}  // namespace

Variable MaxPool::forward(const Variable& x, Pass&) {
  require_images(x, label_);
  return autograd::max_pool2d(x, window_);
}

Variable AveragePool::forward(const Variable& x, Pass&) {
  require_images(x, label_);
  return autograd::average_pool2d(x, window_);
}

Variable GlobalAveragePool::forward(const Variable& x, Pass&) {
  require_images(x, label_);
  return autograd::global_average_pool(x);
}

Variable Flatten::forward(const Variable& x, Pass&) {
  require(x.rank() >= 1 && x.size(0) > 0, "{}: input {}, wanted at least one row", label_,
          x.shape());
  return autograd::reshape(x, {x.size(0), x.shape().numel() / x.size(0)});
}

}  // namespace polder::nn
