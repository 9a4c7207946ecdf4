#include <limits>

#include "doctor/patient.h"
#include "polder/optim/flat.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/scalars.h"

/// For every symptom a training that has it, and has nothing else that is not its consequence.
namespace polder::doctor {
namespace {

using optim::Ascent;
using optim::Excursion;
using optim::Objective;
using optim::StepReport;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// sam with one place where a mistake can be made: what is done with the clean gradient in g.
class OwnRule final : public optim::RadiusRule {
 public:
  using Look = std::function<Tensor(OwnRule&, Objective&, const Batch&, Tensor& g)>;
  OwnRule(double rho, Look look) : RadiusRule(rho), look_(std::move(look)) {}
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    StepReport report{.radius = radius(), .perturbed = true};
    report.loss = objective.gradient(batch, g);
    report.perturbed_loss = look_(*this, objective, batch, g);
    return report;
  }

 private:
  Look look_;
};

std::unique_ptr<optim::Rule> own_rule(OwnRule::Look look, double rho = 0.5) {
  return std::make_unique<OwnRule>(rho, std::move(look));
}

Tensor good_look(OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
  Excursion away(objective, optim::ascend(objective.arena(), g, rule.radius()));
  return away.gradient(batch, g);
}

TEST(Sick, ButAnOwnRuleWithoutAMistakeIsNot) {
  EXPECT_THAT(complaints(Patient(own_rule(good_look)).examine()), IsEmpty());
}

TEST(Sick, FiniteSaysWhereNumbersEnd) {
  Patient patient("none", {});
  patient.base->set_rate(1e30);
  const Diagnosis diagnosis = patient.examine();
  EXPECT_EQ(diagnosis.of("finite").verdict, Verdict::wrong);
  EXPECT_THAT(diagnosis.of("finite").measured, HasSubstr("step "));
  EXPECT_LT(diagnosis.steps, 30);
}

TEST(Sick, MovesWantsALearningRate) {
  Patient patient("sam", {});
  patient.base->set_rate(0.0);
  const Diagnosis diagnosis = patient.examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("moves"));
  EXPECT_THAT(diagnosis.of("moves").measured, HasSubstr("30 of 30 steps; largest learning rate 0"));
}

TEST(Sick, MovesSeesAnUpdateLostToRounding) {
  Patient patient("sam", {});
  patient.base = optim::make_base_optimizer("sgd", {}, patient.problem.arena);
  patient.base->set_rate(1e-30);
  const Diagnosis diagnosis = patient.examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("moves"));
  EXPECT_THAT(diagnosis.of("moves").remedy, HasSubstr("lost to rounding"));
}

TEST(Sick, HomeSeesWritesInPlace) {
  Patient patient(own_rule([](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    const Ascent ascent = optim::ascend(objective.arena(), g, rule.radius());
    const Tensor epsilon = g.clone();
    optim::add(ascent.scale, epsilon, objective.arena().home());
    Tensor loss = objective.gradient(batch, g);
    optim::add(optim::affine(ascent.scale, -1.0), epsilon, objective.arena().home());
    return loss;
  }));
  EXPECT_THAT(complaints(patient.examine()), ElementsAre("home"));
}

TEST(Sick, PerturbsWantsARadius) {
  const Diagnosis diagnosis = Patient("sam", {{"rho", "0"}}).examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("perturbs"));
  EXPECT_THAT(diagnosis.of("perturbs").remedy, HasSubstr("radius is 0"));
}

TEST(Sick, PerturbsSeesAnExcursionThatIsOverTooSoon) {
  Patient patient(own_rule([](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    Excursion(objective, optim::ascend(objective.arena(), g, rule.radius()));
    return objective.gradient(batch, g);
  }));
  const Diagnosis diagnosis = patient.examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("perturbs"));
  EXPECT_THAT(diagnosis.of("perturbs").remedy, HasSubstr("Excursion alive"));
}

TEST(Sick, PerturbsTellsAboutARuleThatNeverDecidesTo) {
  const Diagnosis diagnosis = Patient("random_sam", {{"p", "0"}}).examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("perturbs"));
  EXPECT_THAT(diagnosis.of("perturbs").remedy, HasSubstr("decided not to"));
}

TEST(Sick, PerturbsHoldsARuleToItsEntry) {
  Patient patient("sam", {});
  patient.options.reach = optim::Reach::none;
  EXPECT_EQ(patient.examine().of("perturbs").verdict, Verdict::wrong);
}

TEST(Sick, RadiusSeesADirectionThatWasNotNormalised) {
  Patient patient(own_rule([](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    Excursion away(objective, optim::displace(objective.arena(), g, rule.radius()));
    return away.gradient(batch, g);
  }));
  EXPECT_THAT(complaints(patient.examine()), ElementsAre("radius"));
}

TEST(Sick, RadiusMeasuresInTheMetricOfTheRule) {
  for (const double factor : {1.0, 1.2}) {
    Patient patient(
        own_rule([&](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
          Ascent ascent =
              optim::ascend(objective.arena(), g, rule.radius(), {.adaptive = true, .xi = 0.01});
          ascent.scale = optim::affine(ascent.scale, factor);
          Excursion away(objective, ascent);
          return away.gradient(batch, g);
        }));
    const Diagnosis diagnosis = patient.examine();
    EXPECT_EQ(diagnosis.of("radius").verdict, factor == 1.0 ? Verdict::fine : Verdict::wrong);
    EXPECT_THAT(diagnosis.of("radius").measured,
                HasSubstr(fmt::format("looks were {:.4g} away", 0.5 * factor)));
  }
}

TEST(Sick, RadiusOfMasksIsABoundOnly) {
  Patient masked("sparse_sam_dynamic", {});
  EXPECT_EQ(masked.examine().of("radius").verdict, Verdict::fine);
  masked.options.reach = optim::Reach::radius;
  EXPECT_EQ(masked.examine().of("radius").verdict, Verdict::wrong);
}

TEST(Sick, RoundingSeesAnEpsilonBelowHalfAUnit) {
  const Diagnosis diagnosis = Patient("sam", {{"rho", "1e-9"}}).examine();
  EXPECT_EQ(diagnosis.of("rounding").verdict, Verdict::wrong);
  EXPECT_THAT(diagnosis.of("rounding").measured, HasSubstr("float32"));
}

TEST(Sick, RoundingAndRadiusMeasureInTheTypeThatComputes) {
  const SettingsMap rho{{"rho", "0.001"}};
  EXPECT_THAT(complaints(Patient("sam", rho).examine()), IsEmpty());
  const Diagnosis diagnosis = Patient("sam", rho, {.compute = nn::Compute::bfloat16}).examine();
  EXPECT_EQ(diagnosis.of("rounding").verdict, Verdict::wrong) << to_text(diagnosis);
  EXPECT_THAT(diagnosis.of("rounding").measured, HasSubstr("bfloat16"));
  EXPECT_EQ(diagnosis.of("radius").verdict, Verdict::wrong) << to_text(diagnosis);
}

TEST(Sick, ButAWideEnoughStepInBfloat16IsNot) {
  EXPECT_THAT(
      complaints(Patient("sam", {{"rho", "0.5"}}, {.compute = nn::Compute::bfloat16}).examine()),
      IsEmpty());
}

TEST(Sick, AscentSeesAWrongSign) {
  Patient patient(own_rule([](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    Excursion away(objective, optim::opposite(optim::ascend(objective.arena(), g, rule.radius())));
    return away.gradient(batch, g);
  }));
  EXPECT_THAT(complaints(patient.examine()), ElementsAre("ascent"));
}

TEST(Sick, GradientsSeesAHeadThatOnePassLeavesOut) {
  for (const int which : {1, 2}) {
    const Diagnosis diagnosis = Patient("sam", {}, {.second_head = which}).examine();
    EXPECT_EQ(diagnosis.of("gradients").verdict, Verdict::wrong);
    EXPECT_THAT(diagnosis.of("gradients").measured,
                HasSubstr("one of the two passes alone for 2 of 8 segments"));
    EXPECT_THAT(diagnosis.of("gradients").measured, HasSubstr("second"));
  }
}

TEST(Sick, GradientsSeesALossThatDependsOnNothing) {
  const Diagnosis diagnosis = Patient("none", {}, {.loss_factor = 0.0}).examine();
  EXPECT_THAT(diagnosis.of("gradients").measured, HasSubstr("no gradient in any pass for 6 of 6"));
  EXPECT_THAT(diagnosis.of("gradients").measured, HasSubstr("and 3 more"));
}

TEST(Sick, StatisticsCountsMoves) {
  Patient twice("sam", {});
  twice.problem.objective.set_batch_norm_update(optim::BatchNormUpdate::all);
  const Diagnosis diagnosis = twice.examine();
  EXPECT_THAT(complaints(diagnosis), ElementsAre("statistics"));
  EXPECT_THAT(diagnosis.of("statistics").measured, HasSubstr("up to 2 times a step, in 30 of 30"));
  Patient never("sam", {});
  never.problem.objective.set_batch_norm_update(optim::BatchNormUpdate::never);
  EXPECT_THAT(complaints(never.examine()), ElementsAre("statistics"));
}

TEST(Sick, StatisticsSeesAStepThatIsOpenedTwice) {
  Patient patient(own_rule([](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    objective.begin_step(objective.step(), batch.size());
    return good_look(rule, objective, batch, g);
  }));
  EXPECT_THAT(complaints(patient.examine()), ElementsAre("statistics"));
}

TEST(Sick, MasksSeesPassesWithoutThem) {
  const auto without = [](OwnRule& rule, Objective& objective, const Batch& batch, Tensor& g) {
    Excursion away(objective, optim::ascend(objective.arena(), g, rule.radius()));
    objective.begin_step(objective.step() + 1000, batch.size());
    return away.gradient(batch, g, 1.0, {.move_statistics = false});
  };
  const Diagnosis diagnosis = Patient(own_rule(without)).examine();
  EXPECT_EQ(diagnosis.of("masks").verdict, Verdict::wrong);
  EXPECT_THAT(diagnosis.of("masks").measured, HasSubstr("30 of 30 steps"));
  EXPECT_THAT(complaints(Patient(own_rule(without), {.dropout = 0.0}).examine()), IsEmpty())
      << "without masks it does no harm";
}

/// Draws its masks from a counter, as a shared generator would.
class Forgetful final : public optim::ModelObjective {
 public:
  using ModelObjective::ModelObjective;

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    plan.step = ++passes_;
    return ModelObjective::add_gradient(rows, seeds_of, plan, g);
  }
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override {
    plan.step = ++passes_;
    return ModelObjective::per_sample_losses(rows, plan);
  }

 private:
  std::int64_t passes_ = 0;
};

TEST(Sick, MasksSeesAnObjectiveThatDrawsThemAnew) {
  for (const double dropout : {0.0, 0.3}) {
    verify::NetProblem data({.dropout = dropout});
    Forgetful objective(*data.model, data.arena, optim::cross_entropy_loss(), 1);
    optim::Sam sam(0.05);
    const auto base = optim::make_base_optimizer("sgd", {}, data.arena);
    base->set_rate(0.05);
    const Diagnosis diagnosis = examine(
        objective, sam, *base, [&](std::int64_t t) { return data.batch(t); }, {.steps = 20});
    EXPECT_EQ(diagnosis.of("masks").verdict, dropout == 0.0 ? Verdict::fine : Verdict::wrong);
  }
}

TEST(Sick, ClampSeesARadiusAtItsBound) {
  const SettingsMap narrow{
      {"rho", "0.1"}, {"rho_max", "0.1001"}, {"rho_min", "0.0999"}, {"lr_nu", "0.1"}};
  for (const char* rule : {"lets_sam", "wasam_lets_sam"}) {
    EXPECT_THAT(complaints(Patient(rule, narrow).examine()), ElementsAre("clamp"));
    EXPECT_EQ(Patient(rule, {}).examine().of("clamp").verdict, Verdict::fine);
  }
}

TEST(Sick, AnExaminationOfNoStepsIsRefused) {
  Patient patient("sam", {});
  patient.options.steps = 0;
  EXPECT_THROW(patient.examine(), Error);
}

}  // namespace
}  // namespace polder::doctor
