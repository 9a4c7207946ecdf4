#include <gmock/gmock.h>

#include <cmath>

#include "networks.h"
#include "polder/lets/lets.h"
#include "polder/optim/adam.h"
#include "polder/optim/rules/agnostic_sam.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/delta_sam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"

namespace polder::lets {
namespace {

constexpr double kRate = 0.05;
constexpr std::int64_t kWarmUp = 3;  // steps before the one that is differentiated

std::unique_ptr<optim::BaseOptimizer> make_base(const std::string& name,
                                                nn::ParameterArena& arena) {
  using optim::Adam;
  using optim::AdamOptions;
  using optim::Sgd;
  using optim::SgdOptions;
  if (name == "sgd") return std::make_unique<Sgd>(arena, SgdOptions{.momentum = 0.0});
  if (name == "heavy_ball")
    return std::make_unique<Sgd>(arena, SgdOptions{.momentum = 0.9, .weight_decay = 0.01});
  if (name == "dampened")
    return std::make_unique<Sgd>(arena, SgdOptions{.momentum = 0.8, .dampening = 0.3});
  if (name == "nesterov")
    return std::make_unique<Sgd>(arena, SgdOptions{.momentum = 0.9, .nesterov = true});
  return std::make_unique<Adam>(arena,
                                AdamOptions{.weight_decay = 0.02, .decoupled = name == "adamw"});
}

std::unique_ptr<optim::RadiusRule> make_rule(const std::string& name, double rho) {
  if (name == "sam") return std::make_unique<optim::Sam>(rho);
  if (name == "asam") return std::make_unique<optim::Asam>(rho);
  if (name == "delta_sam")
    return std::make_unique<optim::DeltaSam>(optim::DeltaSam::Options{.rho = rho});
  if (name == "agnostic_sam")
    return std::make_unique<optim::AgnosticSam>(
        optim::AgnosticSam::Options{.rho = rho, .at = optim::AgnosticSam::At::clean});
  return std::make_unique<optim::MSharpSam>(3, rho);
}

/// A training run of kWarmUp steps at a fixed radius and one more, all from scratch.
struct Unrolled {
  std::string network, base, rule;
  double clip = 0.0, rho = 0.3;
  UpperObjective objective = UpperObjective::squared_gap;
  Batch training = random_images(13, 5), validation = random_images(9, 6);

  /// Runs it with `last` in the last step; calls `then` at w+.
  template <class Then>
  void run(optim::Rule& last, Network& net, Then then) const {
    net.objective.set_validation([this] { return validation; });
    const auto optimizer = make_base(base, net.arena);
    optimizer->set_rate(kRate);
    const auto first = make_rule(rule, rho);
    optim::TrainingStep warm_up(net.objective, *first, *optimizer, clip);
    for (std::int64_t step = 0; step < kWarmUp; ++step) warm_up.run(training, step);
    optim::TrainingStep step(net.objective, last, *optimizer, clip);
    step.run(training, kWarmUp);
    then(step.gradient());
  }

  /// J with this rule in the last step, measured by forward passes alone.
  double upper_objective(optim::RadiusRule& last) const {
    Network net(network);
    double value = 0.0;
    run(last, net, [&](const Tensor&) {
      const auto loss = [&](const Batch& batch) {
        const Tensor losses = net.objective.losses(batch, {.upper = true});
        double sum = 0.0;
        for (const double l : losses.to_vector<double>()) sum += l;
        return sum / static_cast<double>(batch.size());
      };
      value = objective == UpperObjective::validation_loss
                  ? loss(validation)
                  : 0.5 * std::pow(loss(validation) - loss(training), 2);
    });
    return value;
  }

  /// Five-point central difference of J by the radius, or by radius number `segment` of `segments`:
  /// error of order h^4.
  double central_difference(std::size_t segment = 0, std::size_t segments = 0) const {
    const double h = 1e-3 * rho;
    const auto objective_at = [&](double shift) {
      const auto last = make_rule(rule, rho + (segments == 0 ? shift : 0.0));
      std::vector<double> radii(segments, rho);
      if (segments > 0) {
        radii[segment] += shift;
        last->set_radius(Tensor::from(radii, {static_cast<std::int64_t>(segments)}));
      }
      return upper_objective(*last);
    };
    const auto rise = [&](double d) { return objective_at(d) - objective_at(-d); };
    return (8.0 * rise(h) - rise(2.0 * h)) / (12.0 * h);
  }

  /// The slope by `lets`, and the norm of the G that the base optimizer saw.
  std::pair<Tensor, double> slope(LetsOptions options) const {
    Network net(network);
    options.radius.learning_rate = 0.0;
    options.upper_objective = objective;
    Lets lets(make_rule(rule, rho), options, net.arena);
    double norm = 0.0;
    run(lets, net, [&](const Tensor& g) {
      for (const double x : g.to_vector<double>()) norm += x * x;
    });
    return {lets.last_upper().slope, std::sqrt(norm)};
  }
};

using Case = std::tuple<std::string, std::string, std::string, bool>;

class UnrolledNetworks : public testing::TestWithParam<Case> {
 protected:
  UnrolledNetworks() {
    std::tie(unrolled_.network, unrolled_.base, unrolled_.rule, std::ignore) = GetParam();
    unrolled_.clip = std::get<3>(GetParam()) ? 0.1 : 0.0;
  }
  Unrolled unrolled_;
};

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const auto& [network, base, rule, clip] = info.param;
  return network + "_" + base + "_" + rule + (clip ? "_clipped" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Every, UnrolledNetworks,
    testing::Combine(testing::Values("mlp_tanh", "mlp_gelu", "conv"),
                     testing::Values("sgd", "heavy_ball", "dampened", "nesterov", "adamw", "adam"),
                     testing::Values("sam", "asam", "m_sharp_sam"), testing::Bool()),
    name_of);

// What finds its direction from more than the gradient.
INSTANTIATE_TEST_SUITE_P(OtherDirections, UnrolledNetworks,
                         testing::Combine(testing::Values("mlp_tanh", "conv"),
                                          testing::Values("sgd", "nesterov", "adamw"),
                                          testing::Values("agnostic_sam", "delta_sam"),
                                          testing::Bool()),
                         name_of);

TEST_P(UnrolledNetworks, ExactSlopeIsTheCentralDifferenceOfTheValidationLoss) {
  unrolled_.objective = UpperObjective::validation_loss;
  const double expected = unrolled_.central_difference();
  const auto [slope, norm] = unrolled_.slope({});
  ASSERT_GT(std::abs(expected), 1e-12);
  EXPECT_NEAR(slope.item(), expected, 1e-6 * std::abs(expected));
}

TEST_P(UnrolledNetworks, ExactSlopeIsTheCentralDifferenceOfJ) {
  const double expected = unrolled_.central_difference();
  const auto [slope, norm] = unrolled_.slope({});
  if (unrolled_.clip > 0.0) {
    ASSERT_NEAR(norm, unrolled_.clip, 1e-9) << "the clip did not act";
  }
  ASSERT_GT(std::abs(expected), 1e-12);
  EXPECT_NEAR(slope.item(), expected, 1e-6 * std::abs(expected));
}

class SegmentSlopes : public UnrolledNetworks {};

INSTANTIATE_TEST_SUITE_P(SingleLooks, SegmentSlopes,
                         testing::Combine(testing::Values("mlp_gelu", "conv"),
                                          testing::Values("nesterov", "adamw", "adam"),
                                          testing::Values("sam", "asam"), testing::Bool()),
                         name_of);

// The tangent form pushes u forward through H and D, the adjoint form pulls v - r back: equal only
// when <v - r, D H u> = <u, H D (v - r)>.
TEST_P(SegmentSlopes, AddUpToTheScalarOne) {
  for (const Curvature way :
       {Curvature::exact, Curvature::finite_difference, Curvature::squared_gradient}) {
    SCOPED_TRACE(std::string(to_string(way)));
    const Tensor scalar = unrolled_.slope({.curvature = way}).first;
    const Tensor segments = unrolled_.slope({.curvature = way, .per_segment = true}).first;
    double sum = 0.0, size = 0.0;
    for (const double slope : segments.to_vector<double>()) sum += slope, size += std::abs(slope);
    const double tolerance = way == Curvature::finite_difference ? 1e-5 : 1e-10;
    EXPECT_NEAR(sum, scalar.item(), tolerance * size);
  }
}

TEST_P(SegmentSlopes, AreTheCentralDifferencesOfJ) {
  const auto slopes = unrolled_.slope({.per_segment = true}).first.to_vector<double>();
  double size = 0.0;
  for (const double slope : slopes) size += std::abs(slope);
  for (std::size_t s = 0; s < slopes.size(); ++s) {
    SCOPED_TRACE(s);
    EXPECT_NEAR(slopes[s], unrolled_.central_difference(s, slopes.size()), 1e-6 * size);
  }
}

}  // namespace
}  // namespace polder::lets
