#include "polder/kernels/ladder.h"

#include <algorithm>

#include "polder/core/text.h"
#include "polder/kernels/ladder/rungs.h"

namespace polder::kernels::ladder {
namespace {

struct Entry {
  std::string_view name;
  bool on_cpu;
  std::unique_ptr<Rung> (*make)(const Weights& weights, Limits limits);
};

constexpr Entry kRungs[] = {{"naive", true, make_naive},
                            {"tensor by tensor", false, make_tensor_by_tensor},
                            {"multi-tensor", false, make_multi_tensor},
                            {"flat", false, make_flat},
                            {"twin", true, make_twin},
                            {"one launch", false, make_one_launch}};

bool is_on(const Entry& entry, Device device) { return entry.on_cpu || device != kCpu; }

void check(const Weights& weights) {
  for (const Tensor& array : {weights.g, weights.spare, weights.m, weights.v})
    require(array.shape() == weights.w.shape() && array.dtype() == weights.w.dtype(),
            "make_rung: arrays of {} {} and {} {}, want one shape and type", weights.w.dtype(),
            weights.w.shape(), array.dtype(), array.shape());
}

}  // namespace

bool Rung::can(const Ascent&) const { return true; }

const Tensor& Scale::of(const Tensor& rho, Tensor& norm) {
  Tensor& scale = like(rho);
  backend_of(rho).ascent_scale(rho, squared_norm_, scale, norm);
  return scale;
}

Tensor& Scale::like(const Tensor& rho) {
  if (!scale_.defined() || scale_.shape() != rho.shape())
    scale_ = Tensor::empty(rho.shape(), DType::float64, rho.device());
  return scale_;
}

Bytes fused_bytes(const Ascent& ascent, Bytes plain) {
  const double mask = ascent.mask.defined() ? 4 : 0;
  const double more = (ascent.metric.adaptive ? 4 : 0) + (ascent.masked_norm ? mask : 0);
  plain.norm += more;
  plain.perturb += more + mask;
  return plain;
}

std::vector<std::string_view> rungs_of(Device device) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kRungs)
    if (is_on(entry, device)) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Rung> make_rung(std::string_view name, const Weights& weights, Limits limits) {
  check(weights);
  const Device device = weights.w.device();
  for (const Entry& entry : kRungs)
    if (entry.name == name && is_on(entry, device)) return entry.make(weights, limits);
  fail("make_rung: {} has no rung '{}'", device, name);
}

}  // namespace polder::kernels::ladder
