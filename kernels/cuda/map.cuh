#pragma once

#include <cstdint>

#include "polder/kernels/cuda/launch.cuh"

namespace polder::kernels::POLDER_DEVICE {

/// 16 bytes of elements: what one thread moves at a time.
template <class T>
inline constexpr int kPackSize = static_cast<int>(16 / sizeof(T));
template <class T>
struct alignas(16) Pack {
  T element[kPackSize<T>];
};

/// True when 16-byte packs may be read and written there: views into a tensor start anywhere.
__host__ __device__ inline bool is_pack_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0;
}

/// y[i] = f(x[i]...), one element a thread at a time, f on Wide<X>. y may be one of the x.
template <class Y, class F, class... X>
__global__ void map_elements(std::int64_t n, F f, Y* y, const X*... x) {
  for (std::int64_t i = thread_rank(); i < n; i += thread_count())
    y[i] = static_cast<Y>(f(widen(x[i])...));
}

/// The same, one pack a thread at a time; all element types have the same size.
template <class Y, class F, class... X>
__global__ void map_packs(std::int64_t packs, F f, Pack<Y>* y, const Pack<X>*... x) {
  for (std::int64_t i = thread_rank(); i < packs; i += thread_count())
    [&](const auto... in) {
      Pack<Y> out;
      for (int k = 0; k < kPackSize<Y>; ++k)
        out.element[k] = static_cast<Y>(f(widen(in.element[k])...));
      y[i] = out;
    }(x[i]...);
}

/// y[i] = f(x[i]...) for i in [0, n), in packs where the pointers allow it. f is a function object
/// that a kernel can call; bfloat16 elements reach it as float, and its result is rounded. y may be
/// one of the x.
template <class Y, class F, class... X>
void map(Runtime& runtime, std::int64_t n, F f, Y* y, const X*... x) {
  constexpr int kSize = kPackSize<Y>;
  const bool packs =
      ((sizeof(X) == sizeof(Y)) && ...) && is_pack_aligned(y) && (is_pack_aligned(x) && ...);
  const std::int64_t head = packs ? n / kSize * kSize : 0;
  if constexpr (((sizeof(X) == sizeof(Y)) && ...))
    launch(runtime, over(runtime, head / kSize), map_packs<Y, F, X...>, head / kSize, f,
           reinterpret_cast<Pack<Y>*>(y), reinterpret_cast<const Pack<X>*>(x)...);
  launch(runtime, over(runtime, n - head), map_elements<Y, F, X...>, n - head, f, y + head,
         (x + head)...);
}

}  // namespace polder::kernels::POLDER_DEVICE
