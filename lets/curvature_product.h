#pragma once

#include "polder/lets/curvature.h"

namespace polder::lets {

/// One way to z = H(p) y along a vector that is known only after the base step, p the weights still
/// kept in the twin. Serves one radius per segment: H is symmetric, so one product serves all.
class CurvatureProduct {
 public:
  virtual ~CurvatureProduct() = default;
  /// The rule looked from p on `rows`: g holds grad L(p).
  virtual void looked(const Tensor& g) = 0;
  /// z = H(p) y for the mean loss over `rows`. The twin may be overwritten. `rho` sets the step of
  /// the finite difference.
  virtual void multiply(optim::Objective& objective, const Batch& rows, const Tensor& rho,
                        const Tensor& y, Tensor& z) = 0;
};

/// Throws Error for `secant`, which knows only the full H u.
std::unique_ptr<CurvatureProduct> make_curvature_product(Curvature curvature,
                                                         const nn::ParameterArena& arena,
                                                         double difference_step = 0.0);

}  // namespace polder::lets
