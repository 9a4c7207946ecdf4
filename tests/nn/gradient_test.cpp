// Whole models in float64: analytic first and second derivatives along a random direction against
// central differences.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "polder/autograd/functions.h"
#include "polder/core/allocator.h"
#include "polder/nn/models/lenet.h"
#include "polder/nn/models/mlp.h"
#include "polder/nn/models/resnet.h"
#include "polder/nn/models/wide_resnet.h"
#include "support.h"

namespace polder::nn {
namespace {

using autograd::Variables;

constexpr std::int64_t kRows = 5, kClasses = 3;
const Build kBuild{.seed = 21, .dtype = DType::float64};

struct Case {
  const char* name;
  Shape input;
  ModulePtr (*make)();
};

const Case kCases[] = {
    {"mlp",
     {6},
     [] {
       return ModulePtr(mlp(6, kClasses, kBuild, {{7, 5}, "tanh"}));
     }},
    {"lenet",
     {12, 13, 2},
     [] {
       return ModulePtr(lenet({12, 13, 2}, kClasses, kBuild, {"tanh", Pooling::average}));
     }},
    {"resnet, option A",
     {6, 5, 2},
     [] {
       return ModulePtr(resnet(2, kClasses, kBuild, {{3, 4}, {1, 2}, Shortcut::a, "gelu"}));
     }},
    {"resnet, option B",
     {6, 5, 2},
     [] {
       return ModulePtr(resnet(2, kClasses, kBuild, {{3, 4}, {1, 1}, Shortcut::b, "tanh"}));
     }},
};

/// A model on a fixed batch, and its loss as a function of the flat weights.
class Problem {
 public:
  explicit Problem(const Case& kind)
      : model_(kind.make()),
        arena_(*model_),
        x_(normal_tensor(Shape(batch_sizes(kind.input)), "x")),
        labels_(Tensor::from(random_labels(kRows, kClasses, random_key(1, "labels")), {kRows})) {}

  ParameterArena& arena() { return arena_; }

  Variable loss() {
    Pass pass{.move_statistics = false};
    return autograd::mean(autograd::cross_entropy(model_->forward(Variable(x_), pass), labels_));
  }

  /// Values of f at home + t v for each t.
  template <class F>
  auto along(const std::vector<double>& v, double t, F f) {
    const auto home = arena_.home().to_vector<double>();
    double* twin = arena_.twin().data<double>();
    for (std::size_t i = 0; i < home.size(); ++i) twin[i] = home[i] + t * v[i];
    arena_.activate_twin();
    auto value = f();
    arena_.activate_home();
    return value;
  }

  std::vector<double> flat(const Variables& parts) const {
    const Tensor all = arena_.make_flat();
    for (std::size_t s = 0; s < parts.size(); ++s)
      arena_.part(all, arena_.segments()[s]).copy_from(parts[s].value());
    return all.to_vector<double>();
  }

  std::vector<double> gradient() { return flat(autograd::grad({loss()}, arena_.variables())); }

  std::vector<double> hessian_product(const std::vector<double>& v) {
    const Variables leaves = arena_.variables();
    const Variables g = autograd::grad({loss()}, leaves, {}, {.create_graph = true});
    const Tensor direction = Tensor::from(v, arena_.home().shape());
    Variables seeds;
    for (const Segment& segment : arena_.segments())
      seeds.emplace_back(arena_.part(direction, segment));
    return flat(autograd::grad(g, leaves, seeds));
  }

  /// A random direction of the length of w, zero on padding.
  std::vector<double> direction() const {
    const Tensor all = arena_.make_flat();
    for (const Segment& segment : arena_.segments())
      arena_.part(all, segment).copy_from(normal_tensor(segment.shape, segment.name));
    return all.to_vector<double>();
  }

 private:
  static std::vector<std::int64_t> batch_sizes(const Shape& input) {
    std::vector<std::int64_t> sizes{kRows};
    sizes.insert(sizes.end(), input.sizes().begin(), input.sizes().end());
    return sizes;
  }

  ModulePtr model_;
  ParameterArena arena_;
  Tensor x_, labels_;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Derivative at 0 of a function given at -2h, -h, h, 2h; the error is of order h^4.
double slope(double a, double b, double c, double d, double h) {
  return (8.0 * (c - b) - (d - a)) / (12.0 * h);
}

constexpr double kStep = 2e-4;

TEST(ModelGradient, FirstOrderMatchesCentralDifferences) {
  for (const Case& kind : kCases) {
    SCOPED_TRACE(kind.name);
    Problem problem(kind);
    const auto v = problem.direction();
    const auto loss_at = [&](double t) {
      return problem.along(v, t, [&] { return problem.loss().value().item(); });
    };
    const double wanted =
        slope(loss_at(-2 * kStep), loss_at(-kStep), loss_at(kStep), loss_at(2 * kStep), kStep);
    const double found = dot(problem.gradient(), v);
    EXPECT_NEAR(found / wanted, 1.0, 1e-6) << found << " and " << wanted;
  }
}

TEST(ModelGradient, HessianProductMatchesCentralDifferencesOfTheGradient) {
  for (const Case& kind : kCases) {
    SCOPED_TRACE(kind.name);
    Problem problem(kind);
    const auto v = problem.direction();
    const auto gradient_at = [&](double t) {
      return problem.along(v, t, [&] { return problem.gradient(); });
    };
    const auto a = gradient_at(-2 * kStep), b = gradient_at(-kStep), c = gradient_at(kStep),
               d = gradient_at(2 * kStep);
    const auto found = problem.hessian_product(v);
    std::vector<double> error(found.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      error[i] = found[i] - slope(a[i], b[i], c[i], d[i], kStep);
    const double relative = std::sqrt(dot(error, error) / dot(found, found));
    EXPECT_LE(relative, 1e-6);
    EXPECT_GT(dot(found, found), 0.0);
  }
}

TEST(ModelGradient, TakesNothingFromTheSystemOnceWarm) {
  for (const Case& kind : kCases) {
    SCOPED_TRACE(kind.name);
    Problem problem(kind);
    for (int i = 0; i < 2; ++i) problem.gradient();
    const auto warm = allocator_of(kCpu).stats();
    for (int i = 0; i < 5; ++i) problem.gradient();
    EXPECT_EQ(allocator_of(kCpu).stats().system_calls, warm.system_calls);
    EXPECT_EQ(allocator_of(kCpu).stats().bytes_in_use, warm.bytes_in_use);
  }
}

TEST(ModelGradient, LossFallsOnAFixedBatch) {
  for (const Case& kind : kCases) {
    SCOPED_TRACE(kind.name);
    Problem problem(kind);
    const double first = problem.loss().value().item();
    for (int step = 0; step < 60; ++step) {
      const auto g = problem.gradient();
      double* w = problem.arena().home().data<double>();
      for (std::size_t i = 0; i < g.size(); ++i) w[i] -= 0.2 * g[i];
    }
    EXPECT_LT(problem.loss().value().item(), 0.3 * first);
  }
}

}  // namespace
}  // namespace polder::nn
