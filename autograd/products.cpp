#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

/// Shape of op(a) op(b).
Shape product_shape(const Shape& a, bool transpose_a, const Shape& b, bool transpose_b) {
  const int rank = a.rank();
  require(rank == b.rank() && (rank == 2 || rank == 3),
          "matmul: {} x {}, wanted two matrices or two batches of matrices", a, b);
  require(a.leading(rank - 2) == b.leading(rank - 2), "matmul: batch sizes differ: {} x {}", a, b);
  require(a[transpose_a ? -2 : -1] == b[transpose_b ? -1 : -2],
          "matmul: inner sizes differ: {}{} x {}{}", a, transpose_a ? "^T" : "", b,
          transpose_b ? "^T" : "");
  return a.with(-2, a[transpose_a ? -1 : -2]).with(-1, b[transpose_b ? -2 : -1]);
}

/// matmul with a result in `dtype`: that of a, or one with room for more digits.
Variable product(const Variable& a, const Variable& b, bool transpose_a, bool transpose_b,
                 DType dtype) {
  require_same_kind("matmul", a, b);
  Tensor y = Tensor::empty(product_shape(a.shape(), transpose_a, b.shape(), transpose_b), dtype,
                           a.device());
  kernels::backend_of(y).matmul(a.value(), transpose_a, b.value(), transpose_b, y);
  const auto gradient = [a, b, transpose_a, transpose_b](const Variable&, const Variable& dy,
                                                         const Needs& needs) -> Variables {
    // With A = op(a), B = op(b): dA = dy B^T and dB = A^T dy, transposed back where op did.
    Variable da, db;
    const DType a_type = gradient_type(a), b_type = gradient_type(b);
    if (needs[0])
      da = transpose_a ? product(b, dy, transpose_b, true, a_type)
                       : product(dy, b, false, !transpose_b, a_type);
    if (needs[1])
      db = transpose_b ? product(dy, a, true, transpose_a, b_type)
                       : product(a, dy, !transpose_a, false, b_type);
    return {da, db};
  };
  return Variable::result(y, {a, b}, gradient);
}

}  // namespace

Variable matmul(const Variable& a, const Variable& b, bool transpose_a, bool transpose_b) {
  return product(a, b, transpose_a, transpose_b, a.dtype());
}

Variable linear(const Variable& x, const Variable& w, const Variable& bias) {
  require_same_kind("linear", x, w);
  require(x.rank() == 2 && w.rank() == 2 && x.size(1) == w.size(1),
          "linear: x {} and w {}, wanted [rows, in] and [out, in]", x.shape(), w.shape());
  Tensor y = empty_like(x.value(), {x.size(0), w.size(0)});
  kernels::backend_of(y).matmul(x.value(), false, w.value(), true, y);
  if (bias.defined()) {
    require_same_kind("linear", x, bias);
    require(bias.shape() == Shape{w.size(0)}, "linear: bias {}, wanted [{}]", bias.shape(),
            w.size(0));
    kernels::backend_of(y).binary(kernels::Binary::add, y, bias.value(), Broadcast::trailing, y);
  }
  const auto gradient = [x, w, bias](const Variable&, const Variable& dy,
                                     const Needs& needs) -> Variables {
    Variable dx, dw, dbias;
    if (needs[0]) dx = product(dy, w, false, false, gradient_type(x));
    if (needs[1]) dw = product(dy, x, true, false, gradient_type(w));
    if (needs[2]) dbias = sum_to(dy, bias.shape(), Broadcast::trailing, gradient_type(bias));
    return {dx, dw, dbias};
  };
  return Variable::result(y, {x, w, bias}, gradient);
}

}  // namespace polder::autograd
