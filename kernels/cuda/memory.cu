#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/map.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// bfloat16 speaks only to float, so every conversion from or to it goes through float.
template <class To>
struct Convert {
  template <class From>
  __host__ __device__ To operator()(From value) const {
    if constexpr (std::is_same_v<To, From>)
      return value;
    else if constexpr (std::is_same_v<From, bfloat16>)
      return static_cast<To>(static_cast<float>(value));
    else if constexpr (std::is_same_v<To, bfloat16>)
      return bfloat16(static_cast<float>(value));
    else
      return static_cast<To>(value);
  }
};

template <class T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

}  // namespace

void DeviceBackend::fill(double value, Tensor& y) {
  with_any(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    map(*runtime_, y.numel(), Constant<T>{Convert<T>{}(value)}, y.data<T>());
  });
}

void DeviceBackend::cast(const Tensor& x, Tensor& y) {
  with_any(x.dtype(), [&](auto from) {
    with_any(y.dtype(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      map(*runtime_, x.numel(), Convert<To>{}, y.data<To>(), elements<From>(x));
    });
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
