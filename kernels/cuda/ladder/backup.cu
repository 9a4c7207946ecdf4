#include "polder/kernels/cuda/ascent_step.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/pass.cuh"
#include "polder/kernels/cuda/update_step.cuh"

/// The passes of the flat rung: the ascent leaves a backup of w behind, the update starts from it.
namespace polder::kernels::POLDER_DEVICE {
namespace {

/// An update of the weights in another array.
template <class Update>
struct FromBackup {
  Update update;

  struct Worker {
    typename Update::Worker inner;
    template <class T, class... Moments>
    __device__ void operator()(std::int64_t i, T g, T from, T& w, Moments&... moments) const {
      w = from;
      inner(i, g, w, moments...);
    }
  };
  __device__ Worker start() const { return {update.start()}; }
};

}  // namespace

ladder::Machine DeviceBackend::machine() const {
  return {runtime_->multiprocessors(), runtime_->shared_bytes(), runtime_->cache_bytes()};
}

// 16 bytes, and 4 for a mask.
void DeviceBackend::perturb_with_backup(const ladder::Ascent& ascent, const Tensor& scale,
                                        const Segments& segments, const Tensor& g, Tensor& w,
                                        Tensor& backup) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> flat(scale, ascent.metric, segments, ascent.enabled);
    with_cursor(flat, [&]<class Cursor>() {
      with_input<T>(ascent.mask, [&](auto mask) {
        pass(*runtime_, w.numel(), PerturbInPlace<T, Cursor>{flat}, InOut<T>{w.data<T>()},
             Input<T>{g.data<T>()}, mask, Output<T>{backup.data<T>()});
      });
    });
  });
}

// 20 bytes.
void DeviceBackend::sgd_update_from(const SgdCoefficients& coefficients, const Tensor& rate,
                                    const Tensor& g, const Tensor& from, Tensor& w,
                                    Tensor& momentum) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto update = [&](auto f, auto... moments) {
      pass(*runtime_, w.numel(), FromBackup<decltype(f)>{f}, Input<T>{g.data<T>()},
           Input<T>{from.data<T>()}, Output<T>{w.data<T>()}, moments...);
    };
    if (coefficients.momentum == 0.0)
      update(PlainSgd<T>(coefficients, rate));
    else
      update(MomentumSgd<T>(coefficients, rate, runtime_->clock()), InOut<T>{momentum.data<T>()});
  });
}

// 28 bytes.
void DeviceBackend::adam_update_from(const AdamCoefficients& coefficients, const Tensor& rate,
                                     const Tensor& g, const Tensor& from, Tensor& w, Tensor& m,
                                     Tensor& v) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const AdamUpdate<T> update{{coefficients, rate.data<double>(), runtime_->clock()}};
    pass(*runtime_, w.numel(), FromBackup<AdamUpdate<T>>{update}, Input<T>{g.data<T>()},
         Input<T>{from.data<T>()}, Output<T>{w.data<T>()}, InOut<T>{m.data<T>()},
         InOut<T>{v.data<T>()});
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
