#include "polder/nn/dropout.h"

#include "polder/autograd/functions.h"

namespace polder::nn {

Dropout::Dropout(const Build& build, double rate) : rate_(rate) {
  require(rate >= 0.0 && rate < 1.0, "{}: rate {}, wanted 0 <= rate < 1", build.label("Dropout"),
          rate);
}

Variable Dropout::forward(const Variable& x, Pass& pass) {
  if (!pass.training || !pass.dropout || rate_ == 0.0) return x;
  return autograd::dropout(x, rate_, pass.next_mask(), pass.row_ids);
}

}  // namespace polder::nn
