#include "kernels/eigen_product.h"

#include <Eigen/Core>

namespace polder::bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

void eigen_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, bool transpose_a,
                   const float* b, bool transpose_b, float* c, int threads) {
  Eigen::setNbThreads(threads);
  const Eigen::Map<const Matrix> left(a, transpose_a ? k : m, transpose_a ? m : k);
  const Eigen::Map<const Matrix> right(b, transpose_b ? n : k, transpose_b ? k : n);
  Eigen::Map<Matrix> result(c, m, n);
  if (transpose_a)
    result.noalias() = left.transpose() * right;
  else if (transpose_b)
    result.noalias() = left * right.transpose();
  else
    result.noalias() = left * right;
}

}  // namespace polder::bench
