#pragma once

#include <memory>

#include "polder/lets/curvature.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/rule.h"

namespace polder::radius_study {

/// d w+ / d rho = -eta D A H(p) u of one step, which the losses of `lets` are differentiated along.
class StepTangent final : private optim::ExcursionObserver {
 public:
  explicit StepTangent(const nn::ParameterArena& arena);

  /// Runs the rule on the batch, watching its looks.
  optim::StepReport watch(optim::RadiusRule& rule, optim::Objective& objective, const Batch& batch,
                          Tensor& g);
  /// After the base optimizer's step along g.
  const Tensor& finish(const optim::RadiusRule& rule, const optim::BaseOptimizer& base,
                       const Tensor& g);

 private:
  void arrived(optim::Excursion& excursion, const Batch& rows, double share) override;
  void looked(optim::Excursion& excursion, const Batch& rows, double share,
              const Tensor& g) override;

  std::unique_ptr<lets::CurvatureProbe> probe_;
  Tensor tangent_;
};

/// <x, y> of two flat tensors, 0-d float64.
Tensor inner(const Tensor& x, const Tensor& y);

}  // namespace polder::radius_study
