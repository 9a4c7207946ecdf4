#include "polder/lets/curvature_product.h"

#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::affine;
using optim::map;
using optim::quotient;
using optim::scale_by;

using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;

namespace {

/// While it lives, passes read the twin.
class AtTwin {
 public:
  explicit AtTwin(nn::ParameterArena& arena) : arena_(arena) { arena_.activate_twin(); }
  ~AtTwin() { arena_.activate_home(); }
  AtTwin(const AtTwin&) = delete;
  AtTwin& operator=(const AtTwin&) = delete;

 private:
  nn::ParameterArena& arena_;
};

class ExactProduct final : public CurvatureProduct {
 public:
  void looked(const Tensor&) override {}
  void multiply(optim::Objective& objective, const Batch& rows, const Tensor&, const Tensor& y,
                Tensor& z) override {
    const AtTwin twin(objective.arena());
    objective.hessian_vector_product(rows, y, z);
  }
};

class FiniteDifferenceProduct final : public CurvatureProduct {
 public:
  explicit FiniteDifferenceProduct(double step) : step_(step) {}

  void looked(const Tensor&) override {}
  void multiply(optim::Objective& objective, const Batch& rows, const Tensor& rho, const Tensor& y,
                Tensor& z) override {
    const AtTwin twin(objective.arena());
    Tensor& p = objective.arena().twin();
    const Tensor a = quotient(finite_difference_step(rho, y.dtype(), step_), length(y));
    Tensor shift = y.clone();
    scale_by(a, shift);
    backend_of(p).axpby(1.0, shift, 1.0, p);
    objective.gradient(rows, z, {.move_statistics = false, .own_precision = true});
    backend_of(p).axpby(-2.0, shift, 1.0, p);
    objective.gradient(
        rows, z,
        {.weight = -1.0, .accumulate = true, .move_statistics = false, .own_precision = true});
    scale_by(map(Unary::reciprocal, affine(a, 2.0)), z);
  }

 private:
  /// ||y|| + c
  static Tensor length(const Tensor& y) {
    Tensor squared = Tensor::empty(Shape{}, DType::float64, y.device());
    backend_of(y).dot(y, y, squared);
    return affine(map(Unary::sqrt, squared), 1.0, 1e-12);
  }

  double step_;
};

class SquaredGradientProduct final : public CurvatureProduct {
 public:
  explicit SquaredGradientProduct(const nn::ParameterArena& arena) : g_(arena.make_flat()) {}

  void looked(const Tensor& g) override { g_.copy_from(g); }
  void multiply(optim::Objective&, const Batch&, const Tensor&, const Tensor& y,
                Tensor& z) override {
    backend_of(z).binary(Binary::mul, g_, y, Broadcast::none, z);
    backend_of(z).binary(Binary::mul, z, g_, Broadcast::none, z);
  }

 private:
  Tensor g_;
};

}  // namespace

std::unique_ptr<CurvatureProduct> make_curvature_product(Curvature curvature,
                                                         const nn::ParameterArena& arena,
                                                         double difference_step) {
  require(curvature != Curvature::secant,
          "lets: secant curvature knows only the full H u and cannot serve one radius per segment; "
          "use exact, finite_difference or squared_gradient");
  if (curvature == Curvature::exact) return std::make_unique<ExactProduct>();
  if (curvature == Curvature::finite_difference)
    return std::make_unique<FiniteDifferenceProduct>(difference_step);
  return std::make_unique<SquaredGradientProduct>(arena);
}

}  // namespace polder::lets
