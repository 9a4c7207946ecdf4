#include "polder/optim/rules/gsam.h"

#include "optim/closed_form.h"
#include "optim/reference.h"

namespace polder::optim {
namespace {

using Decompose = Gsam::Decompose;

POLDER_CLOSED_FORM(GsamClosedForm);

/// x - <x, y> / ||y||^2 y
Vector perpendicular(const Vector& x, const Vector& y) {
  return plus(-inner(x, y) / inner(y, y), y, x);
}

TEST_P(GsamClosedForm, ShrinksTheGapAcrossThePerturbedGradient) {
  at_rate = 0.04;  // a third of the way up: rho_t = 0.2 + (0.5 - 0.2) / 3
  const Looked looked = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  const Vector g = mean.gradient(w);
  const Vector found = gradient_of(Gsam(0.5, 0.2, 0.7, Decompose::clean));
  EXPECT_THAT(found, Near(plus(-0.7, perpendicular(g, looked.gradient), looked.gradient), 1e-11));
  EXPECT_NEAR(inner(found, looked.gradient), inner(looked.gradient, looked.gradient), 1e-10);
  EXPECT_NEAR(report.radius.item(), 0.3, 1e-15);
  EXPECT_NEAR(norm(plus(-1.0, w, objective.diary[1].weights)), 0.3, 1e-12);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(GsamClosedForm, MaySplitThePerturbedGradientInstead) {
  const Looked looked = sharp_gradient(mean, w, 0.5, Vector(kSize, 1.0));
  const Vector g = mean.gradient(w);
  EXPECT_THAT(gradient_of(Gsam(0.5, 0.2, 0.7, Decompose::perturbed)),
              Near(plus(0.7, perpendicular(looked.gradient, g), g), 1e-11));
}

TEST_P(GsamClosedForm, WithOneWeightNothingIsAcross) {
  nn::ParameterArena one({{"w", Tensor::from(Vector{1.5}, {1})}});
  QuadraticObjective line(one);
  const Batch rows = quadratic_batch(4, 1, GetParam());
  Gsam gsam(0.5, 0.5, 0.7, Decompose::clean);
  Sgd base(one);
  gsam.prepare(line, base);
  line.begin_step(0, 4);
  Tensor g = one.make_flat();
  gsam.gradient(line, rows, g);
  const Quadratic form = quadratic_of(rows);
  const double sign = form.gradient({1.5})[0] > 0 ? 1.0 : -1.0;
  EXPECT_NEAR(dense(one, g)[0], form.gradient({1.5 + 0.5 * sign})[0], 1e-12);
}

TEST(Gsam, AgreesWithItsReferenceInEitherForm) {
  for (const char* form : {"clean", "perturbed"})
    EXPECT_LT(
        distance_to_reference(
            "gsam",
            Settings({{"rho", "0.4"}, {"rho_min", "0.1"}, {"alpha", "0.6"}, {"decompose", form}}),
            50),
        1e-9)
        << form;
}

TEST(Gsam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { Gsam(0.1, 0.2, 0.0, Decompose::clean); }),
            "gsam: rho_min is 0.2, want a number in [0, rho = 0.1]");
  EXPECT_EQ(error_of([] { Gsam(0.1, 0.1, NAN, Decompose::clean); }),
            "gsam: alpha is nan, want a finite number");
  nn::ParameterArena arena(quadratic_weights(Vector(5, 1.0)));
  QuadraticObjective objective(arena);  // it knows no course
  Gsam gsam(0.2, 0.1, 0.0, Decompose::clean);
  const Sgd base(arena);
  gsam.prepare(objective, base);
  objective.begin_step(0, 3);
  Tensor g = arena.make_flat();
  EXPECT_EQ(error_of([&] { gsam.gradient(objective, quadratic_batch(3, 5, 1), g); }),
            "course: this objective does not know how long training is, call set_course first");
}

}  // namespace
}  // namespace polder::optim
