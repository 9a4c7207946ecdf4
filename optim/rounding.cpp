#include "polder/optim/rounding.h"

#include <cmath>

namespace polder::optim {
namespace {

std::vector<double> wide(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), DType::float64, x.device());
  kernels::backend_of(x).cast(x, y);
  return y.to_vector<double>();
}

}  // namespace

RoundedStep rounded_step(const nn::ParameterArena& arena) {
  require(arena.twin_copy().defined(), "rounded_step: layers of this arena read float32 weights");
  const std::vector<double> w = wide(arena.home()), p = wide(arena.twin());
  const std::vector<double> w_read = wide(arena.home_copy()), p_read = wide(arena.twin_copy());
  double moved = 0.0, changed = 0.0, product = 0.0, square = 0.0, read_square = 0.0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double epsilon = p[i] - w[i], d = p_read[i] - w_read[i];
    moved += epsilon != 0.0 ? 1.0 : 0.0;
    changed += epsilon != 0.0 && d != 0.0 ? 1.0 : 0.0;
    product += d * epsilon;
    square += epsilon * epsilon;
    read_square += d * d;
  }
  if (moved == 0.0) return {};
  return {changed / moved, product / square, std::sqrt(read_square / square)};
}

}  // namespace polder::optim
