#include "polder/optim/rules/sam_on.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/reference.h"
#include "optim/support.h"

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

TEST(SamOn, TheOtherLayersAgreeWithTheReference) {
  for (const char* variant : {"sam", "asam"})
    EXPECT_LT(
        distance_to_reference(
            "sam_on", Settings({{"rho", "0.3"}, {"only", "no_norm"}, {"variant", variant}}), 50),
        1e-9);
}

}  // namespace
}  // namespace polder::optim
