#include <limits>

#include "polder/kernels/cuda/block_reduce.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"

namespace polder::kernels::POLDER_DEVICE {
namespace {

// Both kernels reduce pieces of the middle axis, [outer, n, inner] -> [outer, pieces, inner]; a
// long axis is reduced piece by piece until one is left. Pieces depend on the shape alone, so the
// bits do not depend on the launch. Partial results are float64.

/// Elements of a piece where the axis is the last one: a block adds them up.
constexpr std::int64_t kRun = 8192;
/// Rows of a piece where columns lie side by side: a thread walks down a column.
constexpr std::int64_t kRows = 64;

/// Largest rows a warp reduces by itself.
constexpr std::int64_t kWarpRun = 512;

template <class Op>
constexpr double kIdentity = 0.0;
template <>
constexpr double kIdentity<Maximum> = -std::numeric_limits<double>::infinity();

/// inner = 1, short axis: a warp for each of the `rows` runs of n.
template <class Op, class In, class Out>
__global__ void reduce_short_runs(std::int64_t rows, std::int64_t n, const In* x, Out* y) {
  for (std::int64_t row = warp_rank(); row < rows; row += warp_count()) {
    double value = kIdentity<Op>;
    for (std::int64_t i = lane(); i < n; i += kWarpSize)
      value = Op{}(value, static_cast<double>(x[row * n + i]));
    value = warp_reduce(value, Op{});
    if (lane() == 0) y[row] = static_cast<Out>(value);
  }
}

/// inner = 1: a block for each piece of each of the `rows` runs of n.
template <class Op, class In, class Out>
__global__ void reduce_runs(std::int64_t rows, std::int64_t n, std::int64_t pieces, const In* x,
                            Out* y) {
  for (std::int64_t task = blockIdx.x; task < rows * pieces; task += gridDim.x) {
    const std::int64_t row = task / pieces, begin = task % pieces * kRun;
    const std::int64_t end = begin + kRun < n ? begin + kRun : n;
    double value = kIdentity<Op>;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
      value = Op{}(value, static_cast<double>(x[row * n + i]));
    value = block_reduce(value, Op{});
    if (threadIdx.x == 0) y[task] = static_cast<Out>(value);
  }
}

/// inner > 1: a thread for each column of each piece; neighbours read neighbours.
template <class Op, class In, class Out>
__global__ void reduce_columns(AxisView view, std::int64_t pieces, const In* x, Out* y) {
  const std::int64_t tasks = view.outer * pieces * view.inner;
  for (std::int64_t task = thread_rank(); task < tasks; task += thread_count()) {
    const std::int64_t column = task % view.inner, piece = task / view.inner % pieces;
    const std::int64_t outer = task / (view.inner * pieces);
    const std::int64_t begin = piece * kRows;
    const std::int64_t end = begin + kRows < view.n ? begin + kRows : view.n;
    double value = kIdentity<Op>;
    for (std::int64_t row = begin; row < end; ++row)
      value = Op{}(value, static_cast<double>(x[(outer * view.n + row) * view.inner + column]));
    y[task] = static_cast<Out>(value);
  }
}

std::int64_t pieces_of(AxisView view) {
  const std::int64_t piece = view.inner == 1 ? kRun : kRows;
  return std::max<std::int64_t>(1, (view.n + piece - 1) / piece);
}

/// y [outer, pieces, inner] from x [outer, n, inner].
template <class Op, class In, class Out>
void reduce_pieces(Runtime& runtime, AxisView view, std::int64_t pieces, const In* x, Out* y) {
  if (view.inner > 1)
    launch(runtime, over(runtime, view.outer * pieces * view.inner), reduce_columns<Op, In, Out>,
           view, pieces, x, y);
  else if (view.n <= kWarpRun)
    launch(runtime, over(runtime, view.outer * kWarpSize), reduce_short_runs<Op, In, Out>,
           view.outer, view.n, x, y);
  else
    launch(runtime, block_each(runtime, view.outer * pieces), reduce_runs<Op, In, Out>, view.outer,
           view.n, pieces, x, y);
}

template <class Op, class In, class Out>
void reduce_axis(Runtime& runtime, Device device, AxisView view, const In* x, Out* y) {
  const std::int64_t pieces = pieces_of(view);
  if (pieces == 1) return reduce_pieces<Op>(runtime, view, pieces, x, y);
  const Tensor partial = Tensor::empty({view.outer, pieces, view.inner}, DType::float64, device);
  reduce_pieces<Op>(runtime, view, pieces, x, partial.data<double>());
  view.n = pieces;
  reduce_axis<Op, double, Out>(runtime, device, view, partial.data<double>(), y);
}

/// A warp for each row. Of equals, and of several NaN, the lowest position wins.
template <class T>
__global__ void arg_max_rows(std::int64_t rows, std::int64_t n, const T* x, std::int64_t* index) {
  const auto beats = [](Wide<T> a, long long at_a, Wide<T> b, long long at_b) {
    if (isnan(a) != isnan(b)) return static_cast<bool>(isnan(a));
    return a > b || ((a == b || isnan(a)) && at_a < at_b);
  };
  for (std::int64_t row = warp_rank(); row < rows; row += warp_count()) {
    Wide<T> best = -std::numeric_limits<Wide<T>>::infinity();
    long long at = n;  // nothing seen yet: loses every tie
    for (std::int64_t i = lane(); i < n; i += kWarpSize) {
      const Wide<T> value = widen(x[row * n + i]);
      if (beats(value, i, best, at)) best = value, at = i;
    }
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
      const Wide<T> other = __shfl_xor_sync(kAllLanes, best, distance);
      const long long other_at = __shfl_xor_sync(kAllLanes, at, distance);
      if (beats(other, other_at, best, at)) best = other, at = other_at;
    }
    if (lane() == 0) index[row] = at;
  }
}

}  // namespace

void DeviceBackend::reduce(Reduction op, const Tensor& x, AxisView view, Tensor& y) {
  if (y.numel() == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto into = [&](auto* out) {
      if (op == Reduction::sum)
        reduce_axis<Sum>(*runtime_, device_, view, elements<T>(x), out);
      else
        reduce_axis<Maximum>(*runtime_, device_, view, elements<T>(x), out);
    };
    if (x.dtype() == y.dtype()) return into(y.data<T>());
    into(y.data<Wide<T>>());
  });
}

void DeviceBackend::arg_max(const Tensor& x, Tensor& index) {
  const std::int64_t rows = index.numel();
  if (rows == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, rows * kWarpSize), arg_max_rows<T>, rows, x.numel() / rows,
           x.data<T>(), index.data<std::int64_t>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
