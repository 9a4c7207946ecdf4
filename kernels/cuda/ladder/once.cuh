#pragma once

#include "polder/kernels/cuda/pass.cuh"

/// Packs that nobody reads again soon: they are the first to leave the cache, so that what is read
/// again stays there.
namespace polder::kernels::POLDER_DEVICE {

__device__ inline Pack<float> load_once(const Input<float>& array, std::int64_t i) {
  const float4 bits = __ldcs(reinterpret_cast<const float4*>(array.data) + i);
  return {bits.x, bits.y, bits.z, bits.w};
}
__device__ inline Pack<double> load_once(const Input<double>& array, std::int64_t i) {
  const double2 bits = __ldcs(reinterpret_cast<const double2*>(array.data) + i);
  return {bits.x, bits.y};
}
template <class T>
__device__ Pack<T> load_once(const Ones<T>& array, std::int64_t i) {
  return array.load_pack(i);
}

__device__ inline void store_once(const Output<float>& array, std::int64_t i,
                                  const Pack<float>& pack) {
  const auto& [x, y, z, w] = pack.element;
  __stcs(reinterpret_cast<float4*>(array.data) + i, make_float4(x, y, z, w));
}
__device__ inline void store_once(const Output<double>& array, std::int64_t i,
                                  const Pack<double>& pack) {
  const auto& [x, y] = pack.element;
  __stcs(reinterpret_cast<double2*>(array.data) + i, make_double2(x, y));
}

}  // namespace polder::kernels::POLDER_DEVICE
