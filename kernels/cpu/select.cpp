#include <algorithm>
#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"

namespace polder::kernels::cpu {
namespace {

/// From large to small, NaN at the end.
template <class T>
bool ranks_before(T a, T b) {
  return a > b || (std::isnan(b) && !std::isnan(a));
}

/// Calls chosen(i) in ascending i for the k largest of x[i] among the i in [0, n) that are
/// candidates; ties go to the lower i. Linear time: the k-th value is found without sorting.
template <class T, class Candidate, class Chosen>
void for_largest(const T* x, std::int64_t n, std::int64_t k, Candidate&& candidate,
                 Chosen&& chosen) {
  const Tensor copy = Tensor::empty({n}, dtype_of<T>);
  T* values = copy.data<T>();
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i)
    if (candidate(i)) values[count++] = x[i];
  if (k = std::min(k, count); k <= 0) return;
  std::nth_element(values, values + k - 1, values + count, ranks_before<T>);
  const T last = values[k - 1];
  std::int64_t ties = k;  // how many of the values equal to the last one have room
  for (std::int64_t i = 0; i < k; ++i) ties -= ranks_before(values[i], last) ? 1 : 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!candidate(i) || ranks_before(last, x[i])) continue;
    if (ranks_before(x[i], last) || ties-- > 0) chosen(i);
  }
}

}  // namespace

void CpuBackend::branch(const Tensor& decision, const std::function<void()>& then) {
  if (scalar(decision) != 0) then();
}

void CpuBackend::largest(const Tensor& x, std::int64_t k, Tensor& index) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::int64_t* next = index.data<std::int64_t>();
    for_largest(
        x.data<T>(), x.numel(), k, [](std::int64_t) { return true; },
        [&](std::int64_t i) { *next++ = i; });
  });
}

void CpuBackend::mark_largest(const Tensor& x, const Tensor& candidates, std::int64_t k,
                              Tensor& mask) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Tensor chosen = Tensor::zeros(x.shape(), x.dtype());
    const T* open = candidates.data<T>();
    T* marks = chosen.data<T>();
    for_largest(
        x.data<T>(), x.numel(), k, [=](std::int64_t i) { return open[i] != 0; },
        [=](std::int64_t i) { marks[i] = T{1}; });
    mask.copy_from(chosen);
  });
}

}  // namespace polder::kernels::cpu
