#include "tangent.h"

namespace polder::radius_study {

using kernels::backend_of;

StepTangent::StepTangent(const nn::ParameterArena& arena)
    : probe_(lets::make_curvature_probe(lets::Curvature::exact, arena)),
      tangent_(arena.make_flat()) {}

optim::StepReport StepTangent::watch(optim::RadiusRule& rule, optim::Objective& objective,
                                     const Batch& batch, Tensor& g) {
  backend_of(tangent_).fill(0.0, tangent_);
  objective.set_observer(this);
  optim::StepReport report = rule.gradient(objective, batch, g);
  objective.set_observer(nullptr);
  probe_->finish(rule.radius(), tangent_);
  return report;
}

const Tensor& StepTangent::finish(const optim::RadiusRule& rule, const optim::BaseOptimizer& base,
                                  const Tensor& g) {
  rule.map_tangent(tangent_);
  base.apply_derivative(g, tangent_);
  backend_of(tangent_).affine(tangent_, -base.rate().item(), 0.0, tangent_);
  return tangent_;
}

void StepTangent::arrived(optim::Excursion& excursion, const Batch& rows, double share) {
  probe_->arrived({excursion, rows, share}, tangent_);
}

void StepTangent::looked(optim::Excursion& excursion, const Batch& rows, double share,
                         const Tensor& g) {
  probe_->looked({excursion, rows, share}, g, tangent_);
}

Tensor inner(const Tensor& x, const Tensor& y) {
  Tensor dot = Tensor::empty(Shape{}, DType::float64, x.device());
  backend_of(x).dot(x, y, dot);
  return dot;
}

}  // namespace polder::radius_study
