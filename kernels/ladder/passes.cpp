#include "polder/kernels/ladder/passes.h"

#include <algorithm>

#include "polder/kernels/cpu/dispatch.h"

namespace polder::kernels::ladder {
namespace {

/// The cpu's answers: where there is a mask, a masked copy of g takes its place.
class CpuPasses final : public Passes {
 public:
  void masked_squared_norm(const Ascent& ascent, const Segments& segments, const Tensor& w,
                           const Tensor& g, Tensor& out) override {
    const Tensor gradient = ascent.masked_norm ? masked(ascent, segments, g) : g;
    backend_of(kCpu).metric_squared_norm(w, gradient, ascent.metric, segments, out);
  }

  void masked_perturb(const Ascent& ascent, const Tensor& scale, const Segments& segments,
                      const Tensor& w, const Tensor& g, Tensor& shifted) override {
    backend_of(kCpu).perturb(w, masked(ascent, segments, g), scale, ascent.metric, segments,
                             shifted);
  }

 private:
  /// g where something may happen, else 0.
  static Tensor masked(const Ascent& ascent, const Segments& segments, const Tensor& g) {
    if (is_unmasked(ascent)) return g;
    Tensor result = g.clone();
    cpu::with_float(g.dtype(), [&](auto zero) {
      using T = decltype(zero);
      T* values = result.data<T>();
      if (ascent.mask.defined())
        std::transform(values, values + g.numel(), ascent.mask.data<T>(), values,
                       [](T value, T kept) { return kept == 0 ? T{0} : value; });
      if (ascent.enabled.defined())
        for (std::size_t s = 0; s + 1 < segments.host_offsets.size(); ++s)
          if (ascent.enabled.data<std::int64_t>()[s] == 0)
            std::fill(values + segments.host_offsets[s], values + segments.host_offsets[s + 1],
                      T{0});
    });
    return result;
  }
};

}  // namespace

Passes& passes_of(Device device) {
  static CpuPasses cpu;
  return device == kCpu ? static_cast<Passes&>(cpu) : device_passes_of(device);
}

DevicePasses& device_passes_of(Device device) {
  auto* passes = dynamic_cast<DevicePasses*>(&backend_of(device));
  require(passes != nullptr, "device_passes_of: {} has no such passes", device);
  return *passes;
}

}  // namespace polder::kernels::ladder
