#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/gemm.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/partial_sums.h"
#include "polder/kernels/cpu/tiling.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// One tile of one strand: c is the strand's own [m, n] array.
template <class T>
void tile_product(Factor<T> a, Factor<T> b, Range m, Range n, Range k, T* c, std::int64_t stride) {
  product(m.size(), n.size(), k.size(), a.at(m.begin, k.begin), b.at(k.begin, n.begin),
          c + m.begin * stride + n.begin, stride, false);
}

template <class T>
void long_sum(const Tiling& tiling, Factor<T> a, Factor<T> b, T* y) {
  const std::int64_t n = tiling.n.n, size = tiling.m.n * n, strands = tiling.k.count();
  const Tensor partials = Tensor::empty({strands, size}, dtype_of<T>);
  T* sums = partials.data<T>();
  parallel_tasks(strands * tiling.tiles(), [&](std::int64_t task) {
    const std::int64_t strand = task / tiling.tiles(), tile = task % tiling.tiles();
    tile_product(a, b, tiling.m[tile / tiling.n.count()], tiling.n[tile % tiling.n.count()],
                 tiling.k[strand], sums + strand * size, n);
  });
  sum_partials(sums, strands, size, y);
}

}  // namespace

void CpuBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                        Tensor& y) {
  if (is_bfloat16(a))
    return in_float32([&](Widened& wide) {
      matmul(wide.in(a), transpose_a, wide.in(b), transpose_b, wide.out(y));
    });
  const std::int64_t batches = y.rank() == 3 ? y.size(0) : 1;
  const std::int64_t m = y.size(-2), n = y.size(-1), k = a.size(transpose_a ? -2 : -1);
  with_float(y.dtype(), [&]<class T>(T) {
    const T *a_data = a.data<T>(), *b_data = b.data<T>();
    T* y_data = y.data<T>();
    const std::int64_t a_stride = a.size(-1), b_stride = b.size(-1);
    const Tiling tiling = tiling_of(m, n, k, batches);
    if (batches == 1 && tiling.k.count() > 1)
      return long_sum<T>(tiling, {a_data, a_stride, transpose_a}, {b_data, b_stride, transpose_b},
                         y_data);
    const std::int64_t columns = tiling.n.count();
    parallel_tasks(batches * tiling.tiles(), [&](std::int64_t task) {
      const std::int64_t batch = task / tiling.tiles(), tile = task % tiling.tiles();
      tile_product<T>({a_data + batch * m * k, a_stride, transpose_a},
                      {b_data + batch * k * n, b_stride, transpose_b}, tiling.m[tile / columns],
                      tiling.n[tile % columns], {0, k}, y_data + batch * m * n, n);
    });
  });
}

}  // namespace polder::kernels::cpu
