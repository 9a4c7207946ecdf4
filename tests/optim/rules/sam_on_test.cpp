#include "polder/optim/rules/sam_on.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/reference.h"
#include "optim/support.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {
namespace {

using Only = SamOn::Only;
using Variant = SamOn::Variant;

bool is_norm(const nn::Segment& segment) {
  return segment.kind == nn::SegmentKind::norm_scale || segment.kind == nn::SegmentKind::norm_shift;
}

/// Where a rule looks from: w + epsilon of its last excursion, read from the twin.
struct Look {
  NetProblem problem{{.dtype = DType::float64, .dropout = 0.0}};
  Tensor g = problem.arena.make_flat();

  explicit Look(Rule&& rule) {
    const Batch batch = problem.batch(0);
    problem.objective.begin_step(0, batch.size());
    rule.gradient(problem.objective, batch, g);
  }
  std::vector<double> epsilon(const nn::Segment& segment) {
    const auto at = problem.arena.part(problem.arena.twin(), segment).to_vector<double>();
    auto from = problem.arena.part(problem.arena.home(), segment).to_vector<double>();
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = at[i] - from[i];
    return from;
  }
};

TEST(SamOn, PerturbsOneKindAndUpdatesAll) {
  for (const Only only : {Only::norm, Only::no_norm}) {
    Look look(SamOn(0.4, only, Variant::sam, 0.0));
    double square = 0.0;
    for (const nn::Segment& segment : look.problem.arena.segments()) {
      SCOPED_TRACE(segment.name);
      double part = 0.0;
      for (const double x : look.epsilon(segment)) part += x * x;
      EXPECT_EQ(part > 0.0, is_norm(segment) == (only == Only::norm));
      square += part;
      double gradient = 0.0;
      for (const double x : look.problem.arena.part(look.g, segment).to_vector<double>())
        gradient += x * x;
      EXPECT_GT(gradient, 0.0);
    }
    EXPECT_NEAR(std::sqrt(square), 0.4, 1e-10);  // c over a small norm
  }
}

TEST(SamOn, WithoutNormalisationLayersEverythingElseIsSam) {
  const NetOptions net{.batch_norm = false};
  Training restricted("sam_on", Settings({{"rho", "0.3"}, {"only", "no_norm"}, {"variant", "sam"}}),
                      net);
  Settings radius;
  radius.set("rho", "0.3");
  Training whole("sam", radius, net);
  restricted.run_steps(5);
  whole.run_steps(5);
  EXPECT_EQ(restricted.weight_bits(), whole.weight_bits());
}

/// Two layer norms on five features, with their training problem.
struct NormsAlone {
  nn::Build build{.seed = 3};
  nn::Sequential model{build};
  std::unique_ptr<nn::ParameterArena> arena;
  std::unique_ptr<ModelObjective> objective;

  NormsAlone() {
    model.add<nn::LayerNorm>("norm1", 5);
    model.add<nn::Activation>("act", "tanh");
    model.add<nn::LayerNorm>("norm2", 5);
    arena = std::make_unique<nn::ParameterArena>(model);
    objective = std::make_unique<ModelObjective>(model, *arena, cross_entropy_loss(), 3);
  }
  std::vector<std::byte> trained(Rule&& rule) {
    const auto base = make_base_optimizer("sgd", {}, *arena);
    base->set_rate(0.1);
    TrainingStep step(*objective, rule, *base);
    Batch batch{.inputs = Tensor::empty({6, 5}),
                .targets = Tensor::from(std::vector<std::int64_t>{0, 1, 2, 3, 4, 0}, {6})};
    kernels::backend_of(batch.inputs).random_normal(random_key(4, "points"), 0, 1, batch.inputs);
    for (std::int64_t t = 0; t < 8; ++t) step.run(batch, t);
    return bits_of(arena->home());
  }
};

TEST(SamOn, OnNormalisationLayersAloneItIsSam) {
  EXPECT_EQ(NormsAlone().trained(SamOn(0.3, Only::norm, Variant::sam, 0.0)),
            NormsAlone().trained(Sam(0.3)));
}

TEST(SamOn, WithNothingToPerturbItIsRefused) {
  EXPECT_EQ(error_of([] { Training("sam_on", {}, {.batch_norm = false}); }),
            "sam_on: the model has no normalisation layers to perturb, choose another model or "
            "rule");
  EXPECT_EQ(error_of([] { NormsAlone().trained(SamOn(0.3, Only::no_norm, Variant::sam, 0.0)); }),
            "sam_on: the model has no weights outside normalisation layers to perturb, choose "
            "another model or rule");
}

TEST(SamOn, BothKindsAndBothVariantsAgreeWithTheReference) {
  for (const char* only : {"norm", "no_norm"})
    for (const char* variant : {"sam", "asam"})
      EXPECT_LT(distance_to_reference(
                    "sam_on", Settings({{"rho", "0.3"}, {"only", only}, {"variant", variant}}), 50),
                1e-9)
          << only << " " << variant;
}

}  // namespace
}  // namespace polder::optim
