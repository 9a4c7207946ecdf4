#include "polder/verify/quadratic.h"

#include <cmath>
#include <span>
#include <stdexcept>

#include "polder/core/random.h"

namespace polder::verify {
namespace {

Vector random_vector(std::int64_t size, const std::string& stream, std::uint64_t seed) {
  Vector values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = normal(random_key(seed, stream), i);
  return values;
}

/// flat += weight x, on the host.
void add_dense(const nn::ParameterArena& arena, double weight, const Vector& x, Tensor& flat) {
  const Vector sum = plus(weight, x, dense(arena, flat));
  flat.copy_from(flat_of(arena, sum));
}

}  // namespace

double inner(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

double norm(const Vector& x) { return std::sqrt(inner(x, x)); }

Vector plus(double alpha, const Vector& x, const Vector& y) {
  Vector sum(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] = alpha * x[i] + y[i];
  return sum;
}

Vector Quadratic::times(const Vector& v) const {
  const std::size_t d = b.size();
  Vector y(d, 0.0);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) y[i] += a[i * d + j] * v[j];
  return y;
}

Vector Quadratic::gradient(const Vector& w) const { return plus(-1.0, b, times(w)); }

double Quadratic::value(const Vector& w) const { return 0.5 * inner(w, times(w)) - inner(b, w); }

Batch quadratic_batch(std::int64_t n, std::int64_t d, std::uint64_t seed, const std::string& stream,
                      Device device) {
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
  return {.inputs = Tensor::from(a, {n, d, d}, device),
          .targets = Tensor::from(random_vector(n * d, stream + "/b", seed), {n, d}, device)};
}

Quadratic quadratic_of(const Batch& rows) {
  const Vector a = rows.inputs.to_vector<double>(), b = rows.targets.to_vector<double>();
  const auto n = static_cast<std::size_t>(rows.size());
  Quadratic mean{Vector(a.size() / n), Vector(b.size() / n)};
  const double share = 1.0 / static_cast<double>(n);
  for (std::size_t i = 0; i < a.size(); ++i) mean.a[i % mean.a.size()] += share * a[i];
  for (std::size_t i = 0; i < b.size(); ++i) mean.b[i % mean.b.size()] += share * b[i];
  return mean;
}

std::vector<std::pair<std::string, Tensor>> quadratic_weights(const Vector& w, Device device) {
  const auto half = static_cast<std::ptrdiff_t>(w.size() / 2);
  const Vector head(w.begin(), w.begin() + half), tail(w.begin() + half, w.end());
  return {{"head", Tensor::from(head, {static_cast<std::int64_t>(head.size())}, device)},
          {"tail", Tensor::from(tail, {static_cast<std::int64_t>(tail.size())}, device)}};
}

Vector dense(const nn::ParameterArena& arena, const Tensor& flat) {
  Vector values;
  for (const nn::Segment& segment : arena.segments()) {
    const Vector part = arena.part(flat, segment).to_vector<double>();
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

Tensor flat_of(const nn::ParameterArena& arena, const Vector& values) {
  Tensor flat = arena.make_flat();
  auto next = values.begin();
  for (const nn::Segment& segment : arena.segments()) {
    const Vector part(next, next + segment.shape.numel());
    arena.part(flat, segment).write(std::span<const double>(part));
    next += segment.shape.numel();
  }
  return flat;
}

Vector QuadraticObjective::enter(const Batch& rows, PassPlan plan) {
  if (static_cast<int>(diary.size()) == fail_at) throw std::runtime_error("the pass failed");
  Vector w = dense(arena(), arena().active());
  diary.push_back({plan.masks, plan.move_statistics, plan.step, rows.size(), w});
  return w;
}

Tensor QuadraticObjective::add_gradient(const Batch& rows, const optim::RowWeights& seeds_of,
                                        PassPlan plan, Tensor& g) {
  Tensor losses = per_sample_losses(rows, plan);
  const Vector seeds = seeds_of(losses).to_vector<double>(), w = dense(arena(), arena().active());
  for (std::int64_t i = 0; i < rows.size(); ++i)
    add_dense(arena(), seeds[static_cast<std::size_t>(i)],
              quadratic_of(rows.slice(i, i + 1)).gradient(w), g);
  return losses;
}

Tensor QuadraticObjective::per_sample_losses(const Batch& rows, PassPlan plan) {
  const Vector w = enter(rows, plan);
  Vector losses;
  for (std::int64_t i = 0; i < rows.size(); ++i)
    losses.push_back(quadratic_of(rows.slice(i, i + 1)).value(w));
  return Tensor::from(losses, {rows.size()}, rows.inputs.device());
}

void QuadraticObjective::add_hessian_product(const Batch& rows, double weight, PassPlan plan,
                                             const Tensor& v, Tensor& out) {
  enter(rows, plan);
  add_dense(arena(), weight, quadratic_of(rows).times(dense(arena(), v)), out);
}

}  // namespace polder::verify
