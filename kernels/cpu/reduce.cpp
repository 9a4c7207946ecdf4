#include <cmath>
#include <limits>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/lanes.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// Columns reduced side by side; their running values fit the first-level cache.
constexpr std::int64_t kColumns = 512;
/// Elements that one task reduces to one value per column.
constexpr std::int64_t kReduceBlock = 65536;

struct Sum {
  static constexpr double kIdentity = 0.0;
  static double combine(double a, double b) { return a + b; }
  template <class T>
  static double of_run(const T* x, std::int64_t n) {
    return lane_sum(0, n, [=](std::int64_t i) { return static_cast<double>(x[i]); });
  }
};

/// NaN wins: it is what went wrong.
struct Max {
  static constexpr double kIdentity = -std::numeric_limits<double>::infinity();
  static double combine(double a, double b) { return larger(a, b); }
  template <class T>
  static double of_run(const T* x, std::int64_t n) {
    return n == 0 ? kIdentity : static_cast<double>(lane_max(x, n));
  }
};

/// result[i] = reduction of rows x[0 .. rows)[i] for `columns` columns of an array of row length
/// `inner`.
template <class Op, class T>
void reduce_columns(const T* x, std::int64_t rows, std::int64_t inner, std::int64_t columns,
                    double* result) {
  if (inner == 1) {
    *result = Op::of_run(x, rows);
    return;
  }
  std::fill(result, result + columns, Op::kIdentity);
  for (std::int64_t r = 0; r < rows; ++r, x += inner)
    for (std::int64_t i = 0; i < columns; ++i)
      result[i] = Op::combine(result[i], static_cast<double>(x[i]));
}

/// Reduces x over its whole middle axis: one task a group of columns.
template <class Op, class T>
void reduce_whole(const T* x, AxisView view, T* y) {
  const std::int64_t groups = (view.inner + kColumns - 1) / kColumns;
  const std::int64_t elements = view.n * std::min(view.inner, kColumns);
  parallel_blocks(view.outer * groups, rows_per_block(elements),
                  [=](std::int64_t begin, std::int64_t end) {
                    double values[kColumns];
                    for (std::int64_t task = begin; task < end; ++task) {
                      const std::int64_t o = task / groups, first = task % groups * kColumns;
                      const std::int64_t columns = std::min(kColumns, view.inner - first);
                      reduce_columns<Op>(x + o * view.n * view.inner + first, view.n, view.inner,
                                         columns, values);
                      T* out = y + o * view.inner + first;
                      for (std::int64_t i = 0; i < columns; ++i) out[i] = static_cast<T>(values[i]);
                    }
                  });
}

/// Reduces pieces of the middle axis into `partial`, [outer, pieces, inner], then the pieces.
template <class Op, class T>
void reduce_in_pieces(const T* x, AxisView view, std::int64_t piece, T* y) {
  const std::int64_t pieces = (view.n + piece - 1) / piece;
  const Tensor partial = Tensor::empty({view.outer, pieces, view.inner}, DType::float64);
  double* values = partial.data<double>();
  parallel_tasks(view.outer * pieces, [=](std::int64_t task) {
    const std::int64_t o = task / pieces, from = task % pieces * piece;
    const std::int64_t rows = std::min(piece, view.n - from);
    for (std::int64_t first = 0; first < view.inner; first += kColumns)
      reduce_columns<Op>(x + (o * view.n + from) * view.inner + first, rows, view.inner,
                         std::min(kColumns, view.inner - first),
                         values + task * view.inner + first);
  });
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (std::int64_t i = 0; i < view.inner; ++i) {
      double value = Op::kIdentity;
      for (std::int64_t p = 0; p < pieces; ++p)
        value = Op::combine(value, values[(o * pieces + p) * view.inner + i]);
      y[o * view.inner + i] = static_cast<T>(value);
    }
}

template <class Op, class T>
void reduce_axis(const T* x, AxisView view, T* y) {
  const std::int64_t piece =
      std::max<std::int64_t>(1, kReduceBlock / std::max<std::int64_t>(1, view.inner));
  if (view.n >= 2 * piece && view.inner <= kColumns)
    reduce_in_pieces<Op>(x, view, piece, y);
  else
    reduce_whole<Op>(x, view, y);
}

}  // namespace

void CpuBackend::reduce(Reduction op, const Tensor& x, AxisView view, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { reduce(op, wide.in(x), view, wide.out(y)); });
  if (y.numel() == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (op == Reduction::sum)
      reduce_axis<Sum>(x.data<T>(), view, y.data<T>());
    else
      reduce_axis<Max>(x.data<T>(), view, y.data<T>());
  });
}

void CpuBackend::arg_max(const Tensor& x, Tensor& index) {
  if (is_bfloat16(x)) return in_float32([&](Widened& wide) { arg_max(wide.in(x), index); });
  const std::int64_t rows = index.numel();
  if (rows == 0) return;
  const std::int64_t n = x.numel() / rows;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    std::int64_t* out = index.data<std::int64_t>();
    parallel_blocks(rows, rows_per_block(n), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* row = in + r * n;
        std::int64_t best = 0;
        for (std::int64_t i = 1; i < n; ++i)
          if (row[i] > row[best] || (std::isnan(row[i]) && !std::isnan(row[best]))) best = i;
        out[r] = best;
      }
    });
  });
}

}  // namespace polder::kernels::cpu
