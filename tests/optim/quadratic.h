#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "polder/optim/objective.h"
#include "test_support.h"

namespace polder::optim {

using Vector = std::vector<double>;

inline Vector random_vector(std::int64_t size, const std::string& stream, std::uint64_t seed) {
  return normal_values(size, stream, seed);
}

inline double inner(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

inline double norm(const Vector& x) { return std::sqrt(inner(x, x)); }

/// alpha x + y
inline Vector plus(double alpha, const Vector& x, const Vector& y) {
  Vector sum(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] = alpha * x[i] + y[i];
  return sum;
}

/// Every element within `tolerance` of the expected one, in absolute terms.
MATCHER_P2(Near, expected, tolerance, "") {
  if (arg.size() != expected.size()) return false;
  for (std::size_t i = 0; i < arg.size(); ++i)
    if (!(std::abs(arg[i] - expected[i]) <= tolerance)) {
      *result_listener << "element " << i << ": " << arg[i] << " against " << expected[i];
      return false;
    }
  return true;
}

/// L(w) = 1/2 w^T A w - b^T w with symmetric A, by naive loops.
struct Quadratic {
  Vector a;  // [d, d]
  Vector b;  // [d]

  Vector times(const Vector& v) const {
    const std::size_t d = b.size();
    Vector y(d, 0.0);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) y[i] += a[i * d + j] * v[j];
    return y;
  }
  Vector gradient(const Vector& w) const { return plus(-1.0, b, times(w)); }
  double value(const Vector& w) const { return 0.5 * inner(w, times(w)) - inner(b, w); }
};

/// n samples l_i(w) = 1/2 w^T A_i w - b_i^T w: inputs hold A_i [n, d, d], positive definite, and
/// targets b_i [n, d]. Float64.
inline Batch quadratic_batch(std::int64_t n, std::int64_t d, std::uint64_t seed,
                             const std::string& stream = "batch") {
  const Vector factors = random_vector(n * d * d, stream + "/a", seed);
  Vector a(factors.size(), 0.0);
  const auto at = [d](std::int64_t i, std::int64_t row, std::int64_t column) {
    return static_cast<std::size_t>((i * d + row) * d + column);
  };
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t row = 0; row < d; ++row)
      for (std::int64_t column = 0; column < d; ++column)
        for (std::int64_t k = 0; k < d; ++k)
          a[at(i, row, column)] +=
              factors[at(i, row, k)] * factors[at(i, column, k)] / static_cast<double>(d);
  return {.inputs = Tensor::from(a, {n, d, d}),
          .targets = Tensor::from(random_vector(n * d, stream + "/b", seed), {n, d})};
}

/// The mean of a batch's samples.
inline Quadratic quadratic_of(const Batch& rows) {
  const std::int64_t n = rows.size(), d = rows.targets.size(1);
  Quadratic mean{Vector(static_cast<std::size_t>(d * d)), Vector(static_cast<std::size_t>(d))};
  const double share = 1.0 / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < mean.a.size(); ++k)
      mean.a[k] += share * rows.inputs.data<double>()[i * d * d + static_cast<std::int64_t>(k)];
    for (std::size_t k = 0; k < mean.b.size(); ++k)
      mean.b[k] += share * rows.targets.data<double>()[i * d + static_cast<std::int64_t>(k)];
  }
  return mean;
}

/// Weights w in two segments, both padded: for ParameterArena's constructor.
inline std::vector<std::pair<std::string, Tensor>> quadratic_weights(const Vector& w) {
  const auto half = static_cast<std::ptrdiff_t>(w.size() / 2);
  const Vector head(w.begin(), w.begin() + half), tail(w.begin() + half, w.end());
  return {{"head", Tensor::from(head, {static_cast<std::int64_t>(head.size())})},
          {"tail", Tensor::from(tail, {static_cast<std::int64_t>(tail.size())})}};
}

/// The elements of a flat tensor without its padding, and the way back.
inline Vector dense(const nn::ParameterArena& arena, const Tensor& flat) {
  Vector values;
  for (const nn::Segment& segment : arena.segments()) {
    const Vector part = arena.part(flat, segment).to_vector<double>();
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}
inline Tensor flat_of(const nn::ParameterArena& arena, const Vector& values) {
  Tensor flat = arena.make_flat();
  auto next = values.begin();
  for (const nn::Segment& segment : arena.segments()) {
    const Vector part(next, next + segment.shape.numel());
    arena.part(flat, segment).write(std::span<const double>(part));
    next += segment.shape.numel();
  }
  return flat;
}

/// The problem of quadratic batches. Keeps a diary of its passes and can fail in one of them.
class QuadraticObjective : public Objective {
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
  int fail_at = -1;  // throws in the pass that would be diary[fail_at]

 protected:
  Tensor add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    const Tensor losses = per_sample_losses(rows, plan);
    const Vector seeds = seeds_of(losses).to_vector<double>(), w = dense(arena(), arena().active());
    for (std::int64_t i = 0; i < rows.size(); ++i)
      add(seeds[static_cast<std::size_t>(i)], quadratic_of(rows.slice(i, i + 1)).gradient(w), g);
    return losses;
  }

  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override {
    const Vector w = enter(rows, plan);
    Vector losses;
    for (std::int64_t i = 0; i < rows.size(); ++i)
      losses.push_back(quadratic_of(rows.slice(i, i + 1)).value(w));
    return Tensor::from(losses, {rows.size()});
  }

  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override {
    enter(rows, plan);
    add(weight, quadratic_of(rows).times(dense(arena(), v)), out);
  }

 private:
  Vector enter(const Batch& rows, PassPlan plan) {
    if (static_cast<int>(diary.size()) == fail_at) throw std::runtime_error("the pass failed");
    const Vector w = dense(arena(), arena().active());
    diary.push_back({plan.masks, plan.move_statistics, plan.step, rows.size(), w});
    return w;
  }

  void add(double weight, const Vector& x, Tensor& flat) {
    std::size_t next = 0;
    for (const nn::Segment& segment : arena().segments()) {
      double* part = arena().part(flat, segment).data<double>();
      for (std::int64_t i = 0; i < segment.shape.numel(); ++i) part[i] += weight * x[next++];
    }
  }
};

}  // namespace polder::optim
