#include "polder/optim/rules/agnostic_sam.h"

#include "optim/closed_form.h"
#include "optim/reference.h"
#include "polder/optim/sgd.h"

namespace polder::optim {
namespace {

using At = AgnosticSam::At;

/// Quadratics whose validation batch is given.
class WithValidation : public QuadraticObjective {
 public:
  WithValidation(nn::ParameterArena& arena, Batch batch)
      : QuadraticObjective(arena), held_out_(std::move(batch)) {}
  Batch draw_validation_batch() override { return held_out_; }

 private:
  Batch held_out_;
};

class AgnosticSamClosedForm : public ClosedForm {
 protected:
  Vector step_with(const AgnosticSam::Options& options, const Batch& held_out) {
    WithValidation problem(arena, held_out);
    Sgd base(arena);
    AgnosticSam rule(options);
    rule.prepare(problem, base);
    problem.begin_step(0, kRows);
    Tensor g = arena.make_flat();
    rule.gradient(problem, batch, g);
    return dense(arena, g);
  }
  Vector unit(const Vector& x) const { return plus(1.0 / norm(x), x, Vector(x.size(), 0.0)); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, AgnosticSamClosedForm, testing::Values(1, 2, 3));

TEST_P(AgnosticSamClosedForm, AscendsOnOneBatchAndDescendsOnTheOther) {
  const Batch held_out = quadratic_batch(4, kSize, GetParam() + 100);
  const Quadratic other = quadratic_of(held_out);
  for (const At at : {At::ascended, At::clean}) {
    const Vector ascended = plus(0.3, unit(mean.gradient(w)), w);
    const Vector guide = other.gradient(at == At::clean ? w : ascended);
    const Vector there = plus(-0.3 * 0.4, unit(guide), ascended);
    const Vector found = step_with({.rho = 0.3, .kappa = 0.4, .at = at, .share = 1.0}, held_out);
    EXPECT_THAT(found, Near(mean.gradient(there), 1e-11));
  }
}

TEST_P(AgnosticSamClosedForm, OnTheSameBatchTheStepsAddUp) {
  const Vector expected = mean.gradient(plus(0.3 - 0.12, unit(mean.gradient(w)), w));
  const Vector found = step_with({.rho = 0.3, .kappa = 0.4, .at = At::clean, .share = 1.0}, batch);
  EXPECT_THAT(found, Near(expected, 1e-11));
}

TEST(AgnosticSam, ItsOptionsAgreeWithTheReference) {
  for (const char* at : {"ascended", "clean"})
    for (const char* momentum : {"0", "0.9"}) {
      SCOPED_TRACE(std::string(at) + ", momentum " + momentum);
      const Settings settings({{"at", at}, {"momentum", momentum}, {"rho", "0.4"}});
      EXPECT_LT(distance_to_reference("agnostic_sam", settings, 40), 1e-9);
    }
}

TEST(AgnosticSam, SettingsOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { AgnosticSam({.kappa = -1.0}); }),
            "agnostic_sam: kappa is -1, want a finite number >= 0");
  EXPECT_THROW(AgnosticSam({.share = 0.0}), Error);
  EXPECT_THROW(AgnosticSam({.momentum = 1.0}), Error);
}

}  // namespace
}  // namespace polder::optim
