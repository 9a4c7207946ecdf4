#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "polder/optim/objective.h"

/// Training problems whose gradients are naive loops in float64: the oracle of closed forms.
namespace polder::verify {

using Vector = std::vector<double>;

double inner(const Vector& x, const Vector& y);
double norm(const Vector& x);
/// alpha x + y
Vector plus(double alpha, const Vector& x, const Vector& y);

/// L(w) = 1/2 w^T A w - b^T w with symmetric A.
struct Quadratic {
  Vector a;  // [d, d]
  Vector b;  // [d]

  Vector times(const Vector& v) const;  // A v
  Vector gradient(const Vector& w) const;
  double value(const Vector& w) const;
};

/// n samples l_i(w) = 1/2 w^T A_i w - b_i^T w: inputs hold A_i [n, d, d], positive definite, and
/// targets b_i [n, d]. Float64, random by seed and stream.
Batch quadratic_batch(std::int64_t n, std::int64_t d, std::uint64_t seed,
                      const std::string& stream = "batch", Device device = kCpu);

/// The mean of a batch's samples.
Quadratic quadratic_of(const Batch& rows);

/// Weights w in two segments, both padded: for ParameterArena's constructor.
std::vector<std::pair<std::string, Tensor>> quadratic_weights(const Vector& w,
                                                              Device device = kCpu);

/// The elements of a flat tensor without its padding, and the way back.
Vector dense(const nn::ParameterArena& arena, const Tensor& flat);
Tensor flat_of(const nn::ParameterArena& arena, const Vector& values);

/// The problem of quadratic batches. Keeps a diary of its passes and can fail in one of them.
/// Computes on the host, wherever the weights are.
class QuadraticObjective : public optim::Objective {
 public:
  using Objective::Objective;

  struct SeenPass {
    bool masks = false;
    bool moved_statistics = false;
    std::int64_t step = 0;
    std::int64_t rows = 0;
    Vector weights;
  };
  std::vector<SeenPass> diary;
  int fail_at = -1;  // throws std::runtime_error in the pass that would be diary[fail_at]

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override;
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override;
  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override;

 private:
  Vector enter(const Batch& rows, PassPlan plan);
};

}  // namespace polder::verify
