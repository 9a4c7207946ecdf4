#pragma once

#include "polder/core/tensor.h"
#include "polder/kernels/cuda/map.cuh"

/// Passes over flat arrays that read and write several of them at once: a `map` with more than one
/// result. A pass is described by its arrays and by an object `f` that makes one worker a thread:
///   auto worker = f.start();       // reads the scalars that steer the pass from the device
///   worker(i, a, b, ...);          // element i; a reference for each array, in order
/// A worker with `bool idle() const` that says true leaves everything as it is. Arrays are counted
/// by elements or by packs of kPackSize elements.
namespace polder::kernels::POLDER_DEVICE {

template <class T>
struct Input {
  using Element = T;
  const T* data;
  __device__ T load(std::int64_t i) const { return data[i]; }
  __device__ void store(std::int64_t, T) const {}
  __device__ Pack<T> load_pack(std::int64_t i) const {
    return reinterpret_cast<const Pack<T>*>(data)[i];
  }
  __device__ void store_pack(std::int64_t, const Pack<T>&) const {}
  __host__ __device__ bool starts_at_pack() const { return is_pack_aligned(data); }
};

/// An input that is not there: 1 everywhere, and nothing is read.
template <class T>
struct Ones {
  using Element = T;
  __device__ T load(std::int64_t) const { return 1; }
  __device__ void store(std::int64_t, T) const {}
  __device__ Pack<T> load_pack(std::int64_t) const {
    Pack<T> pack;
    for (T& element : pack.element) element = 1;
    return pack;
  }
  __device__ void store_pack(std::int64_t, const Pack<T>&) const {}
  __host__ __device__ bool starts_at_pack() const { return true; }
};

/// Calls f(Input<T>) with the array of a tensor, or f(Ones<T>) where it is undefined.
template <class T, class F>
void with_input(const Tensor& x, F&& f) {
  if (x.defined())
    f(Input<T>{x.data<T>()});
  else
    f(Ones<T>{});
}

/// Fully overwritten; what was there is not read.
template <class T>
struct Output {
  using Element = T;
  T* data;
  __device__ T load(std::int64_t) const { return T{}; }
  __device__ void store(std::int64_t i, T value) const { data[i] = value; }
  __device__ Pack<T> load_pack(std::int64_t) const { return {}; }
  __device__ void store_pack(std::int64_t i, const Pack<T>& pack) const {
    reinterpret_cast<Pack<T>*>(data)[i] = pack;
  }
  __host__ __device__ bool starts_at_pack() const { return is_pack_aligned(data); }
};

/// Read and overwritten.
template <class T>
struct InOut {
  using Element = T;
  T* data;
  __device__ T load(std::int64_t i) const { return data[i]; }
  __device__ void store(std::int64_t i, T value) const { data[i] = value; }
  __device__ Pack<T> load_pack(std::int64_t i) const { return reinterpret_cast<Pack<T>*>(data)[i]; }
  __device__ void store_pack(std::int64_t i, const Pack<T>& pack) const {
    reinterpret_cast<Pack<T>*>(data)[i] = pack;
  }
  __host__ __device__ bool starts_at_pack() const { return is_pack_aligned(data); }
};

/// Weights that a pass writes, with their bfloat16 copy: what is stored goes to both, rounded to
/// nearest even in the copy. `Whole` is Output<float> or InOut<float>.
template <class Whole>
struct WithCopy {
  using Element = float;
  Whole whole;
  bfloat16* copy;
  struct alignas(4 * sizeof(bfloat16)) HalfPack {
    bfloat16 element[kPackSize<float>];
  };
  __device__ float load(std::int64_t i) const { return whole.load(i); }
  __device__ void store(std::int64_t i, float value) const {
    whole.store(i, value);
    copy[i] = bfloat16(value);
  }
  __device__ Pack<float> load_pack(std::int64_t i) const { return whole.load_pack(i); }
  __device__ void store_pack(std::int64_t i, const Pack<float>& pack) const {
    whole.store_pack(i, pack);
    HalfPack half;
    for (int k = 0; k < kPackSize<float>; ++k) half.element[k] = bfloat16(pack.element[k]);
    reinterpret_cast<HalfPack*>(copy)[i] = half;
  }
  __host__ __device__ bool starts_at_pack() const {
    return whole.starts_at_pack() && is_pack_aligned(copy);
  }
};

/// Calls f(whole), or f(whole with its copy) where the copy is defined: the same weights.
template <class Whole, class F>
void with_copy(Whole whole, const Tensor& copy, F&& f) {
  if constexpr (std::is_same_v<typename Whole::Element, float>)
    if (copy.defined()) return f(WithCopy<Whole>{whole, copy.data<bfloat16>()});
  require(!copy.defined(), "device: only float32 weights have a bfloat16 copy");
  f(whole);
}

template <class Worker>
__device__ bool is_idle(const Worker& worker) {
  if constexpr (requires { worker.idle(); })
    return worker.idle();
  else
    return false;
}

/// Elements [begin, end), one a thread at a time.
template <class F, class... Arrays>
__global__ void pass_elements(std::int64_t begin, std::int64_t end, F f, Arrays... arrays) {
  auto worker = f.start();
  if (is_idle(worker)) return;
  for (std::int64_t i = begin + thread_rank(); i < end; i += thread_count())
    [&](auto... element) {
      worker(i, element...);
      (arrays.store(i, element), ...);
    }(arrays.load(i)...);
}

/// The first `packs` packs of kSize elements, one a thread at a time: all loads of a pack are under
/// way before the first is used.
template <int kSize, class F, class... Arrays>
__global__ void pass_packs(std::int64_t packs, F f, Arrays... arrays) {
  auto worker = f.start();
  if (is_idle(worker)) return;
  for (std::int64_t i = thread_rank(); i < packs; i += thread_count())
    [&](auto... pack) {
      for (int k = 0; k < kSize; ++k) worker(i * kSize + k, pack.element[k]...);
      (arrays.store_pack(i, pack), ...);
    }(arrays.load_pack(i)...);
}

/// f over elements [0, n) of the arrays, in packs where the pointers allow it. All arrays hold one
/// element type.
template <class F, class First, class... Arrays>
void pass(Runtime& runtime, std::int64_t n, F f, First first, Arrays... arrays) {
  constexpr int kSize = kPackSize<typename First::Element>;
  const bool packs = first.starts_at_pack() && (arrays.starts_at_pack() && ...);
  const std::int64_t head = packs ? n / kSize : 0;
  launch(runtime, over(runtime, head), pass_packs<kSize, F, First, Arrays...>, head, f, first,
         arrays...);
  launch(runtime, over(runtime, n - head * kSize), pass_elements<F, First, Arrays...>, head * kSize,
         n, f, first, arrays...);
}

}  // namespace polder::kernels::POLDER_DEVICE
