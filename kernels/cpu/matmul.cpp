#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {

void CpuBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                        Tensor& y) {
  const std::int64_t m = y.size(-2), n = y.size(-1), k = a.size(transpose_a ? -2 : -1);
  const std::int64_t batch = y.rank() == 3 ? y.size(0) : 1;
  const std::int64_t a_row = transpose_a ? 1 : k, a_column = transpose_a ? m : 1;
  const std::int64_t b_row = transpose_b ? 1 : n, b_column = transpose_b ? k : 1;
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *left = a.data<T>(), *right = b.data<T>();
    T* out = y.data<T>();
    parallel_blocks(batch * m, 16, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* l = left + row / m * m * k + row % m * a_row;
        const T* r = right + row / m * k * n;
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t i = 0; i < k; ++i)
            sum += static_cast<double>(l[i * a_column]) * r[i * b_row + j * b_column];
          out[row * n + j] = static_cast<T>(sum);
        }
      }
    });
  });
}

}  // namespace polder::kernels::cpu
