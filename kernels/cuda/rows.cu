#include <limits>

#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/launch.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// What an index out of range reads: NaN, or 0 in a type without one. A card cannot throw.
template <class T>
__device__ T nothing() {
  if constexpr (std::is_floating_point_v<T>)
    return std::numeric_limits<T>::quiet_NaN();
  else if constexpr (std::is_same_v<T, bfloat16>)
    return bfloat16(std::numeric_limits<float>::quiet_NaN());
  else
    return T{0};
}

template <class T>
__global__ void gather_table_rows(std::int64_t count, std::int64_t width, std::int64_t table_rows,
                                  const T* table, const std::int64_t* index, T* y) {
  for (std::int64_t i = thread_rank(); i < count * width; i += thread_count()) {
    const std::int64_t row = index[i / width];
    y[i] = row >= 0 && row < table_rows ? table[row * width + i % width] : nothing<T>();
  }
}

/// A block for each row of x. The first row with its index owns the target and adds all rows of
/// that index, in ascending order; the others leave. The search costs count / blockDim steps a row.
template <class T>
__global__ void scatter_table_rows(std::int64_t count, std::int64_t width, std::int64_t table_rows,
                                   const T* x, const std::int64_t* index, Wide<T>* table) {
  POLDER_SHARED(int, hit, kThreads);
  for (std::int64_t r = blockIdx.x; r < count; r += gridDim.x) {
    const std::int64_t target = index[r];
    int taken = target < 0 || target >= table_rows;
    for (std::int64_t s = threadIdx.x; s < r && taken == 0; s += blockDim.x)
      taken = index[s] == target;
    if (__syncthreads_or(taken) != 0) continue;
    for (std::int64_t base = r; base < count; base += blockDim.x) {
      const std::int64_t s = base + threadIdx.x;
      hit[threadIdx.x] = s < count && index[s] == target;
      if (__syncthreads_or(hit[threadIdx.x]) != 0)
        for (std::int64_t k = 0; k < blockDim.x; ++k)
          for (std::int64_t i = threadIdx.x; i < width && hit[k] != 0; i += blockDim.x)
            table[target * width + i] += widen(x[(base + k) * width + i]);
      __syncthreads();
    }
  }
}

template <class T>
__global__ void put_table_rows(std::int64_t count, std::int64_t width, std::int64_t table_rows,
                               const T* x, const std::int64_t* index, T* table) {
  for (std::int64_t i = thread_rank(); i < count * width; i += thread_count()) {
    const std::int64_t row = index[i / width];
    if (row >= 0 && row < table_rows) table[row * width + i % width] = x[i];
  }
}

template <class T>
__global__ void gather_flat(std::int64_t count, const T* x, const std::int64_t* index, T* y) {
  for (std::int64_t i = thread_rank(); i < count; i += thread_count()) y[i] = x[index[i]];
}

/// End of a chain.
constexpr unsigned long long kEnd = ~0ULL;

/// Chains the summands of every target: next[i] is another summand of the same target. The order in
/// a chain depends on the run; add_chains does not depend on it.
__global__ void chain_summands(std::int64_t count, const std::int64_t* index,
                               unsigned long long* head, unsigned long long* next) {
  for (std::int64_t i = thread_rank(); i < count; i += thread_count())
    next[i] = atomicExch(&head[index[i]], static_cast<unsigned long long>(i));
}

/// y[target] += its summands in ascending position, found by walking the chain once for each:
/// chains are short (a pooling window's overlaps).
template <class T>
__global__ void add_chains(std::int64_t targets, const unsigned long long* head,
                           const unsigned long long* next, const T* x, T* y) {
  for (std::int64_t target = thread_rank(); target < targets; target += thread_count()) {
    Wide<T> sum = widen(y[target]);
    for (unsigned long long least = 0;; ++least) {
      unsigned long long found = kEnd;
      for (unsigned long long i = head[target]; i != kEnd; i = next[i])
        if (i >= least && i < found) found = i;
      if (found == kEnd) break;
      sum += widen(x[found]);
      least = found;
    }
    y[target] = static_cast<T>(sum);
  }
}

template <class T>
__global__ void one_hot_rows(std::int64_t count, std::int64_t classes, Wide<T> hot, Wide<T> cold,
                             const std::int64_t* labels, T* y) {
  for (std::int64_t i = thread_rank(); i < count * classes; i += thread_count()) {
    const std::int64_t label = labels[i / classes];
    const bool known = label >= 0 && label < classes;
    y[i] = !known ? nothing<T>() : static_cast<T>(label == i % classes ? hot : cold);
  }
}

std::int64_t row_width(const Tensor& table) {
  return table.size(0) == 0 ? 0 : table.numel() / table.size(0);
}

}  // namespace

void DeviceBackend::gather_rows(const Tensor& table, const Tensor& index, Tensor& y) {
  const std::int64_t width = index.numel() == 0 ? 0 : y.numel() / index.numel();
  with_any(table.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, y.numel()), gather_table_rows<T>, index.numel(), width,
           table.size(0), table.data<T>(), index.data<std::int64_t>(), y.data<T>());
  });
}

void DeviceBackend::scatter_add_rows(const Tensor& x, const Tensor& index, Tensor& table) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, block_each(*runtime_, x.numel() == 0 ? 0 : index.numel()),
           scatter_table_rows<T>, index.numel(), row_width(table), table.size(0), x.data<T>(),
           index.data<std::int64_t>(), table.data<Wide<T>>());
  });
}

void DeviceBackend::put_rows(const Tensor& x, const Tensor& index, Tensor& table) {
  with_any(table.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, x.numel()), put_table_rows<T>, index.numel(),
           row_width(table), table.size(0), x.data<T>(), index.data<std::int64_t>(),
           table.data<T>());
  });
}

void DeviceBackend::gather_elements(const Tensor& x, const Tensor& index, Tensor& y) {
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, index.numel()), gather_flat<T>, index.numel(), x.data<T>(),
           index.data<std::int64_t>(), y.data<T>());
  });
}

void DeviceBackend::scatter_add_elements(const Tensor& x, const Tensor& index, Tensor& y) {
  const std::int64_t count = index.numel(), targets = y.numel();
  if (count == 0) return;
  const Tensor head = Tensor::empty({targets}, DType::int64, device_);
  const Tensor next = Tensor::empty({count}, DType::int64, device_);
  Tensor heads = head;
  fill(-1.0, heads);  // kEnd
  const auto links = [](const Tensor& tensor) {
    return reinterpret_cast<unsigned long long*>(tensor.data<std::int64_t>());
  };
  launch(*runtime_, over(*runtime_, count), chain_summands, count, index.data<std::int64_t>(),
         links(head), links(next));
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, targets), add_chains<T>, targets, links(head), links(next),
           x.data<T>(), y.data<T>());
  });
}

void DeviceBackend::one_hot(const Tensor& labels, double smoothing, Tensor& y) {
  const std::int64_t classes = y.size(-1);
  const double cold = smoothing / static_cast<double>(classes), hot = 1.0 - smoothing + cold;
  with_floating(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, y.numel()), one_hot_rows<T>, labels.numel(), classes, hot,
           cold, labels.data<std::int64_t>(), y.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
