#pragma once

#include <vector>

#include "polder/optim/objective.h"
#include "test_support.h"

/// A training problem whose every answer is known in closed form.
namespace polder::lets {

using Vector = std::vector<double>;

/// L(w) = w^T A w / 2 - b^T w + c, A symmetric, by plain loops in float64.
struct Quadratic {
  std::vector<Vector> a;
  Vector b;
  double c = 0.0;

  double value(const Vector& w) const;
  Vector gradient(const Vector& w) const;  // A w - b
  Vector times(const Vector& v) const;     // A v
};

inline double inner(const Vector& x, const Vector& y) {
  double total = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) total += x[i] * y[i];
  return total;
}

/// x + scale y
inline Vector plus(const Vector& x, double scale, const Vector& y) {
  Vector z = x;
  for (std::size_t i = 0; i < x.size(); ++i) z[i] += scale * y[i];
  return z;
}

inline Vector Quadratic::times(const Vector& v) const {
  Vector y;
  for (const Vector& row : a) y.push_back(inner(row, v));
  return y;
}
inline Vector Quadratic::gradient(const Vector& w) const { return plus(times(w), -1.0, b); }
inline double Quadratic::value(const Vector& w) const {
  return 0.5 * inner(w, times(w)) - inner(b, w) + c;
}

/// A positive definite A (M M^T / n + 1/2) and random b, c.
inline Quadratic random_quadratic(std::size_t n, std::uint64_t seed, const std::string& stream) {
  std::vector<Vector> m;
  for (std::size_t i = 0; i < n; ++i)
    m.push_back(normal_values(n, stream + "/m" + std::to_string(i), seed));
  Quadratic q{std::vector<Vector>(n, Vector(n)), normal_values(n, stream + "/b", seed),
              normal(random_key(seed, stream + "/c"), 0)};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      q.a[i][j] = inner(m[i], m[j]) / static_cast<double>(n) + (i == j ? 0.5 : 0.0);
  return q;
}

/// Row r of a batch stands for the quadratic whose number is its input; L_B is their mean.
inline Batch rows_of(const Vector& numbers) {
  const auto n = static_cast<std::int64_t>(numbers.size());
  return {.inputs = Tensor::from(numbers, {n, 1})};
}

class QuadraticObjective : public optim::Objective {
 public:
  QuadraticObjective(nn::ParameterArena& arena, std::vector<Quadratic> problems)
      : Objective(arena), problems_(std::move(problems)) {}

  Batch validation, fresh_training;
  Batch draw_validation_batch() override {
    return validation.size() > 0 ? validation : Objective::draw_validation_batch();
  }

  Batch draw_fresh_training_batch() override {
    return fresh_training.size() > 0 ? fresh_training : Objective::draw_fresh_training_batch();
  }

  /// The weights of a flat tensor, padding left out, and back.
  Vector read(const Tensor& flat) {
    Vector values;
    for (const nn::Segment& segment : arena().segments()) {
      const Vector part = arena().part(flat, segment).to_vector<double>();
      values.insert(values.end(), part.begin(), part.end());
    }
    return values;
  }
  void add(double scale, const Vector& values, Tensor& flat) {
    std::size_t next = 0;
    for (const nn::Segment& segment : arena().segments()) {
      const Tensor part = arena().part(flat, segment);
      for (std::int64_t i = 0; i < part.numel(); ++i)
        part.data<double>()[i] += scale * values[next++];
    }
  }

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    const Vector w = read(arena().active());
    const Tensor losses = per_sample_losses(rows, plan);
    const Vector seeds = seeds_of(losses).to_vector<double>();
    auto seed = seeds.begin();
    for_each_problem(
        rows, [&](const Quadratic& problem, double) { add(*seed++, problem.gradient(w), g); });
    return losses;
  }
  Tensor per_sample_losses(const Batch& rows, PassPlan) override {
    const Vector w = read(arena().active());
    Vector losses;
    for_each_problem(rows,
                     [&](const Quadratic& problem, double) { losses.push_back(problem.value(w)); });
    return Tensor::from(losses, {rows.size()});
  }
  void add_hessian_product(const Batch& rows, double weight, PassPlan, const Tensor& v,
                           Tensor& out) override {
    const Vector direction = read(v);
    for_each_problem(rows, [&](const Quadratic& problem, double share) {
      add(weight * share, problem.times(direction), out);
    });
  }

 private:
  template <class F>
  void for_each_problem(const Batch& rows, F f) const {
    for (const double number : rows.inputs.to_vector<double>())
      f(problems_.at(static_cast<std::size_t>(number)), 1.0 / static_cast<double>(rows.size()));
  }

  std::vector<Quadratic> problems_;
};

}  // namespace polder::lets
