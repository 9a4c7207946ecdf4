#include "polder/optim/rules/ae_sam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "polder/core/random.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(AeSamClosedForm);

TEST_P(AeSamClosedForm, TheFirstStepPerturbs) {
  const Looked expected = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  EXPECT_THAT(gradient_of(AeSam(0.3, NormTrend(0.9, -1.0, 1.0, kCpu), AeSam::Force::off)),
              Near(expected.gradient, 1e-12));
  expect_report(expected, 0.3);
  EXPECT_EQ(report.decision.item(), 1.0);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(AeSamClosedForm, ASmallGradientIsTakenAsItIs) {
  NormTrend trend(0.9, -1.0, 1.0, kCpu);
  for (int i = 0; i < 50; ++i)
    trend.decide(Tensor::scalar(1e6 + 1e3 * i), Tensor::scalar(0.0));  // a history of large ones
  EXPECT_THAT(gradient_of(AeSam(0.3, trend, AeSam::Force::off)), Near(mean.gradient(w), 1e-12));
  EXPECT_EQ(report.decision.item(), 0.0);
  EXPECT_EQ(report.perturbed_loss.item(), report.loss.item());
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.0);
}

TEST(NormTrend, FollowsMeanAndVarianceOfTheNewMean) {
  NormTrend trend(0.8, 0.5, 2.0, kCpu);
  double mu = 0.0, variance = 1e-10;
  for (std::uint64_t t = 0; t < 100; ++t) {
    const double s = 3.0 + normal(random_key(1, "s"), t), p = static_cast<double>(t) / 100.0;
    const double decision = trend.decide(Tensor::scalar(s), Tensor::scalar(p)).item();
    mu = 0.8 * mu + 0.2 * s;
    variance = 0.8 * variance + 0.2 * (s - mu) * (s - mu);
    EXPECT_NEAR(trend.mean().item(), mu, 1e-13);
    EXPECT_NEAR(trend.variance().item(), variance, 1e-13);
    EXPECT_EQ(decision, s >= mu + (0.5 * p + 2.0 * (1.0 - p)) * std::sqrt(variance) ? 1.0 : 0.0);
  }
}

TEST(NormTrend, DecidesForTheSharesOfGaussianNorms) {
  struct Case {
    double lambda1, lambda2, share;
  };
  for (const auto& [lambda1, lambda2, share] :
       {Case{-1, 1, 0.5}, Case{0, 2, 0.195}, Case{-0.5, 1.5, 0.334}, Case{0.5, 2.5, 0.098},
        Case{-2, 0, 0.805}}) {
    constexpr int kSteps = 20000;
    NormTrend trend(0.9, lambda1, lambda2, kCpu);
    double count = 0.0;
    for (int t = 0; t < kSteps; ++t) {
      const double s = 100.0 + normal(random_key(7, "s"), static_cast<std::uint64_t>(t));
      count += trend.decide(Tensor::scalar(s), Tensor::scalar(t / double{kSteps})).item();
    }
    EXPECT_NEAR(count / kSteps, share, 0.02) << lambda1 << " " << lambda2;
  }
}

TEST(NormTrend, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { NormTrend(1.0, 0.0, 1.0, kCpu); }),
            "NormTrend: delta is 1, want a number in [0, 1)");
  EXPECT_EQ(error_of([] { NormTrend(0.5, NAN, 1.0, kCpu); }),
            "NormTrend: lambda1 is nan and lambda2 1, want finite numbers");
}

TEST(AeSam, PerturbsOnSomeStepsAndNotOnOthers) {
  Training training("ae_sam", {});
  double decided = 0.0;
  for (int t = 0; t < 30; ++t) decided += training.run_step().decision.item();
  EXPECT_GT(decided, 3.0);
  EXPECT_LT(decided, 27.0);
  EXPECT_DOUBLE_EQ(training.problem.objective.work().gradients, 30.0 + decided);
}

}  // namespace
}  // namespace polder::optim
