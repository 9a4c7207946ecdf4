#include "polder/nn/embedding.h"

#include "polder/autograd/functions.h"

namespace polder::nn {

Embedding::Embedding(const Build& build, std::int64_t count, std::int64_t width,
                     const init::Initialiser& table)
    : label_(build.label("Embedding")) {
  require(count > 0 && width > 0, "{}: table [{}, {}], wanted positive sizes", label_, count,
          width);
  table_ = add_parameter("table", SegmentKind::embedding,
                         init::draw(build, "table", {count, width}, table));
}

Variable Embedding::forward(const Variable& x, Pass&) {
  require(x.dtype() == DType::int64, "{}: indices are {}, wanted int64", label_, x.dtype());
  const Tensor flat = x.value().reshape({x.shape().numel()});
  std::vector<std::int64_t> sizes(x.shape().sizes().begin(), x.shape().sizes().end());
  sizes.push_back(table_.size(1));
  return autograd::reshape(autograd::gather_rows(table_, flat), Shape(sizes));
}

}  // namespace polder::nn
