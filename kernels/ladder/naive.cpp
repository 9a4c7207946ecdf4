#include "polder/kernels/ladder/rungs.h"
#include "polder/kernels/naive_flat.h"

namespace polder::kernels::ladder {
namespace {

std::vector<Tensor> list_of(const Tensor& flat, const Segments& segments) {
  std::vector<Tensor> parts;
  for (std::size_t s = 0; s + 1 < segments.host_offsets.size(); ++s)
    parts.push_back(flat.slice(segments.host_offsets[s], segments.host_offsets[s + 1]));
  return parts;
}

/// Tensor by tensor, one general function of the back end after the other (naive_flat.h).
class Naive final : public Rung {
 public:
  explicit Naive(const Weights& weights)
      : flat_(weights.w),
        w_(list_of(weights.w, weights.segments)),
        g_(list_of(weights.g, weights.segments)),
        m_(list_of(weights.m, weights.segments)),
        v_(list_of(weights.v, weights.segments)) {}

  std::string_view name() const override { return "naive"; }

  // The norm squares a copy and adds it up: 8 + 8 + 4, and 20 more for |w| + xi times g. The step
  // clones w and g, scales and adds: 8 + 8 + 8 + 12.
  Bytes bytes(const Ascent& ascent) const override {
    if (ascent.metric.adaptive) return {40, 124, 8, 52, 104};
    return {20, 64, 8, 52, 104};
  }
  bool can(const Ascent& ascent) const override {
    return is_unmasked(ascent) && ascent.rho.rank() == 0 &&
           (ascent.metric.everywhere || !ascent.metric.adaptive);
  }

  void norm(const Ascent& ascent, Tensor& norm) override {
    write(norm, naive::norm(backend(), w_, g_, metric(ascent)));
  }
  void perturb(const Ascent& ascent, Tensor& norm) override {
    this->norm(ascent, norm);
    backup_ = naive::perturb(backend(), w_, g_, ascent.rho.item(), metric(ascent));
  }
  void restore() override {
    if (!backup_.empty()) naive::restore(w_, backup_);
  }
  void sgd(const SgdCoefficients& coefficients, const Tensor& rate) override {
    naive::sgd(backend(), coefficients, rate.item(), w_, g_, m_);
  }
  void adam(const AdamCoefficients& coefficients, const Tensor& rate) override {
    naive::adam(backend(), coefficients, rate.item(), w_, g_, m_, v_);
  }
  const Tensor& away() const override { return flat_; }
  const Tensor& home() const override { return flat_; }

 private:
  Backend& backend() const { return backend_of(flat_); }
  static naive::Metric metric(const Ascent& ascent) {
    return {ascent.metric.adaptive, ascent.metric.xi};
  }
  static void write(const Tensor& scalar, double value) {
    scalar.write(std::span<const double>(&value, 1));
  }

  Tensor flat_;
  std::vector<Tensor> w_, g_, m_, v_, backup_;
};

}  // namespace

std::unique_ptr<Rung> make_naive(const Weights& weights, Limits) {
  return std::make_unique<Naive>(weights);
}

}  // namespace polder::kernels::ladder
