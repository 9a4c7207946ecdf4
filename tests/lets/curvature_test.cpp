#include "polder/lets/curvature.h"

#include <gmock/gmock.h>

#include <cmath>

#include "networks.h"
#include "polder/lets/lets.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"

namespace polder::lets {
namespace {

/// Gathers what a probe makes of a rule's looks.
class Watcher final : public optim::ExcursionObserver {
 public:
  Watcher(CurvatureProbe& probe, Tensor& x) : probe_(probe), x_(x) {}
  void arrived(optim::Excursion& excursion, const Batch& rows, double share) override {
    probe_.arrived({excursion, rows, share}, x_);
  }
  void looked(optim::Excursion& excursion, const Batch& rows, double share,
              const Tensor& g) override {
    probe_.looked({excursion, rows, share}, g, x_);
  }

 private:
  CurvatureProbe& probe_;
  Tensor& x_;
};

/// H u of a smooth network at w + rho u, by one of the ways.
std::vector<double> curvature_of(Curvature way, double rho, double difference_step = 0.0) {
  Network net("conv", 3);
  const auto probe = make_curvature_probe(way, net.arena, difference_step);
  Tensor x = net.arena.make_flat(), g = net.arena.make_flat();
  Watcher watcher(*probe, x);
  net.objective.set_observer(&watcher);
  net.objective.begin_step(0, 12);
  optim::Sam rule(rho);
  rule.gradient(net.objective, random_images(12, 4), g);
  probe->finish(rule.radius(), x);
  return x.to_vector<double>();
}

double distance(const std::vector<double>& x, const std::vector<double>& y) {
  double total = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) total += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(total);
}

TEST(Curvature, NamesRoundTrip) {
  for (const Curvature way : kCurvatures)
    EXPECT_EQ(parse_curvature(std::string(to_string(way))), way);
  EXPECT_THAT(error_of([] { parse_curvature("secand"); }),
              testing::HasSubstr("'secand', the nearest is 'secant'"));
}

// secant = H u - (rho / 2) D^3 L [u, u] + O(rho^2) at p, so its error halves with rho.
TEST(Curvature, SecantErrorHalvesWithRho) {
  const auto error = [](double rho) {
    return distance(curvature_of(Curvature::secant, rho), curvature_of(Curvature::exact, rho));
  };
  EXPECT_GT(error(0.02), 1e-4);
  EXPECT_NEAR(error(0.01) / error(0.005), 2.0, 0.05);
  EXPECT_NEAR(error(0.005) / error(0.0025), 2.0, 0.025);
}

TEST(Curvature, FiniteDifferenceErrorQuartersWithHalfTheStep) {
  const auto exact = curvature_of(Curvature::exact, 0.1);
  const auto error = [&](double dr) {
    return distance(curvature_of(Curvature::finite_difference, 0.1, dr), exact);
  };
  EXPECT_GT(error(0.02), 1e-5);
  EXPECT_NEAR(error(0.02) / error(0.01), 4.0, 0.1);
  EXPECT_NEAR(error(0.01) / error(0.005), 4.0, 0.05);
  EXPECT_LT(error(0.0), 1e-8) << "the default, 1e-5";
}

TEST(Curvature, DifferenceStepFollowsTheRadiusInFloat32) {
  const Tensor rho = Tensor::from(std::vector<double>{0.1, 0.3}, {2});
  EXPECT_DOUBLE_EQ(finite_difference_step(rho, DType::float32, 0.0).item(), 0.02);
  EXPECT_DOUBLE_EQ(finite_difference_step(rho, DType::float64, 0.0).item(), 1e-5);
  EXPECT_DOUBLE_EQ(finite_difference_step(rho, DType::float32, 0.25).item(), 0.25);
}

/// dJ/drho of a random 36-weight tanh network after one step of SGD, by one of the ways.
double slope_of(Curvature way, std::uint64_t seed) {
  const nn::Build build{.seed = seed, .dtype = DType::float64};
  const auto model = nn::mlp(3, 4, build, {{4}, "tanh"});
  nn::ParameterArena arena(*model);
  EXPECT_EQ(arena.weight_count(), 36);
  optim::ModelObjective objective(*model, arena, optim::mean_squared_error_loss(), seed);
  const auto batch = [&](const std::string& stream) {
    Batch rows;
    rows.inputs = Tensor::empty({10, 3}, DType::float64);
    rows.targets = Tensor::empty({10, 4}, DType::float64);
    kernels::Backend& backend = kernels::backend_of(rows.inputs);
    backend.random_normal(random_key(seed, stream + "/x"), 0, 1, rows.inputs);
    backend.random_normal(random_key(seed, stream + "/y"), 0, 1, rows.targets);
    return rows;
  };
  objective.set_validation([&] { return batch("validation"); });
  LetsOptions options;
  options.curvature = way;
  options.radius.learning_rate = 0.0;
  Lets lets(std::make_unique<optim::Sam>(0.05), options, arena);
  optim::Sgd base(arena, {.momentum = 0.0});
  base.set_rate(0.1);
  optim::TrainingStep(objective, lets, base).run(batch("training"), 0);
  return lets.last_upper().slope.item();
}

TEST(Curvature, FreeWaysMostlyAgreeInSign) {
  kernels::set_thread_count(1);
  int secant = 0, squared_gradient = 0;
  const int networks = 200;
  for (std::uint64_t seed = 1; seed <= networks; ++seed) {
    const double exact = slope_of(Curvature::exact, seed);
    secant += exact * slope_of(Curvature::secant, seed) > 0.0;
    squared_gradient += exact * slope_of(Curvature::squared_gradient, seed) > 0.0;
  }
  RecordProperty("secant_percent", secant * 100 / networks);
  RecordProperty("squared_gradient_percent", squared_gradient * 100 / networks);
  EXPECT_GE(secant, networks * 95 / 100);
  EXPECT_GE(squared_gradient, networks * 60 / 100);
}

}  // namespace
}  // namespace polder::lets
