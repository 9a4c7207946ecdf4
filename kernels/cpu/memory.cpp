#include <cstring>
#include <type_traits>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

/// bfloat16 speaks only to float, so every conversion from or to it goes through float.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>)
    return value;
  else if constexpr (std::is_same_v<From, bfloat16>)
    return static_cast<To>(static_cast<float>(value));
  else if constexpr (std::is_same_v<To, bfloat16>)
    return bfloat16(static_cast<float>(value));
  else
    return static_cast<To>(value);
}

}  // namespace

void CpuBackend::fill(double value, Tensor& y) {
  with_any(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
    const T element = convert<T>(value);
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      std::fill(out + begin, out + end, element);
    });
  });
}

void CpuBackend::cast(const Tensor& x, Tensor& y) {
  with_any(x.dtype(), [&](auto from) {
    with_any(y.dtype(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      const From* in = x.data<From>();
      To* out = y.data<To>();
      parallel_blocks(x.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = convert<To>(in[i]);
      });
    });
  });
}

}  // namespace polder::kernels::cpu
