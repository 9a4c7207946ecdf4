#include "polder/lets/hypergradient.h"

#include "polder/lets/curvature_product.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::affine;
using optim::difference;
using optim::dot;
using optim::product;

using kernels::backend_of;
using optim::Excursion;
using optim::ExcursionObserver;
using optim::Objective;
using optim::RadiusRule;

namespace {

/// While it lives, `observer` watches the objective.
class Watching {
 public:
  Watching(Objective& objective, ExcursionObserver& observer)
      : objective_(objective), before_(objective.observer()) {
    objective_.set_observer(&observer);
  }
  ~Watching() { objective_.set_observer(before_); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Objective& objective_;
  ExcursionObserver* before_;
};

class TangentHypergradient final : public Hypergradient {
 public:
  TangentHypergradient(Curvature curvature, const nn::ParameterArena& arena, double dr)
      : Hypergradient(arena),
        probe_(make_curvature_probe(curvature, arena, dr)),
        tangent_(arena.make_flat()) {}

  UpperSlope finish(const RadiusRule& rule, Objective& objective, const Batch&,
                    const GapBatches& gap_batches, const BaseStep& step) override {
    rule.map_tangent(tangent_);
    apply_clip_derivative(step.clipping, step.gradient, tangent_);
    step.base.apply_derivative(step.gradient, tangent_);
    const Tensor gap = measure_gap(objective, gap_batches);
    const Tensor factor = affine(product(step.base.rate(), gap), -1.0);
    return {gap, product(factor, dot(difference_, tangent_))};
  }

 private:
  void begin() override { backend_of(tangent_).fill(0.0, tangent_); }
  void end(const RadiusRule& rule) override { probe_->finish(rule.radius(), tangent_); }
  void arrived(Excursion& excursion, const Batch& rows, double share) override {
    probe_->arrived({excursion, rows, share}, tangent_);
  }
  void looked(Excursion& excursion, const Batch& rows, double share, const Tensor& g) override {
    probe_->looked({excursion, rows, share}, g, tangent_);
  }

  std::unique_ptr<CurvatureProbe> probe_;
  Tensor tangent_;  // dG / drho, then dUpdate / drho
};

class AdjointHypergradient final : public Hypergradient {
 public:
  AdjointHypergradient(Curvature curvature, const nn::ParameterArena& arena, double dr)
      : Hypergradient(arena),
        arena_(arena),
        product_(make_curvature_product(curvature, arena, dr)),
        u_(arena.make_flat()),
        z_(arena.make_flat()) {}

  UpperSlope finish(const RadiusRule& rule, Objective& objective, const Batch& batch,
                    const GapBatches& gap_batches, const BaseStep& step) override {
    const Tensor gap = measure_gap(objective, gap_batches);
    step.base.apply_derivative(step.gradient, difference_);
    apply_clip_derivative(step.clipping, step.gradient, difference_);
    rule.map_adjoint(difference_);
    product_->multiply(objective, batch, rule.radius(), difference_, z_);
    const Tensor factor = affine(product(step.base.rate(), gap), -1.0);
    return {gap, product(dot_by_segment(), factor)};
  }

 private:
  void begin() override { looks_ = 0; }
  void end(const RadiusRule&) override {}
  void arrived(Excursion& excursion, const Batch&, double) override {
    require(++looks_ == 1,
            "lets: one radius per segment needs a rule that looks once a step (sam, asam), and "
            "this one looked again");
    write_direction(arena_, excursion.ascent(), u_);
  }
  void looked(Excursion&, const Batch&, double, const Tensor& g) override { product_->looked(g); }

  /// <u_s, z_s> for every segment s
  Tensor dot_by_segment() const {
    const auto& offsets = arena_.table().host_offsets;
    const auto segments = static_cast<std::int64_t>(arena_.segments().size());
    Tensor dots = Tensor::empty({segments}, DType::float64, u_.device());
    for (std::int64_t s = 0; s < segments; ++s) {
      Tensor out = dots.view(s, Shape{});
      const auto begin = offsets[static_cast<std::size_t>(s)];
      const auto end = offsets[static_cast<std::size_t>(s) + 1];
      backend_of(u_).dot(u_.slice(begin, end), z_.slice(begin, end), out);
    }
    return dots;
  }

  const nn::ParameterArena& arena_;
  std::unique_ptr<CurvatureProduct> product_;
  Tensor u_, z_;
  int looks_ = 0;
};

}  // namespace

optim::StepReport Hypergradient::watch(RadiusRule& rule, Objective& objective, const Batch& batch,
                                       Tensor& g) {
  begin();
  const Watching watching(objective, *this);
  optim::StepReport report = rule.gradient(objective, batch, g);
  end(rule);
  return report;
}

Tensor Hypergradient::measure_gap(Objective& objective, const GapBatches& batches) {
  const Tensor upper = objective.gradient(batches.validation, difference_, {.upper = true});
  const Tensor lower = objective.gradient(batches.training, difference_,
                                          {.weight = -1.0, .accumulate = true, .upper = true});
  return difference(upper, lower);
}

std::unique_ptr<Hypergradient> make_hypergradient(Curvature curvature,
                                                  const nn::ParameterArena& arena,
                                                  double difference_step) {
  return std::make_unique<TangentHypergradient>(curvature, arena, difference_step);
}

std::unique_ptr<Hypergradient> make_segment_hypergradient(Curvature curvature,
                                                          const nn::ParameterArena& arena,
                                                          double difference_step) {
  return std::make_unique<AdjointHypergradient>(curvature, arena, difference_step);
}

}  // namespace polder::lets
