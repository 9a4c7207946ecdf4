#include "polder/optim/rules/tilted_sam.h"

#include "optim/closed_form.h"
#include "optim/reference.h"
#include "polder/optim/sgd.h"

namespace polder::optim {
namespace {

class TiltedSamClosedForm : public ClosedForm {
 protected:
  /// G, and where its samples were taken in `objective.diary`.
  Vector tilted(const TiltedSam::Options& options) {
    Sgd base(arena);
    TiltedSam rule(options);
    rule.prepare(objective, base);
    objective.diary.clear();
    return gradient_of(std::move(rule));
  }
  /// Losses at the points where G's parts were taken: every second look.
  std::vector<Vector> points() const {
    std::vector<Vector> all;
    for (std::size_t pass = 1; pass < objective.diary.size(); pass += 2)
      all.push_back(objective.diary[pass].weights);
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, TiltedSamClosedForm, testing::Values(1, 2, 3));

TEST_P(TiltedSamClosedForm, WithoutTiltItIsThePlainMean) {
  const Vector found = tilted({.rho = 0.3, .samples = 4, .tilt = 0.0});
  Vector expected(kSize, 0.0);
  ASSERT_EQ(points().size(), 4U);
  for (const Vector& point : points()) expected = plus(0.25, mean.gradient(point), expected);
  EXPECT_THAT(found, Near(expected, 1e-12));
}

TEST_P(TiltedSamClosedForm, AStrongTiltPicksTheWorst) {
  const Vector found = tilted({.rho = 0.3, .samples = 4, .tilt = 1e6});
  const std::vector<Vector> all = points();
  std::size_t worst = 0;
  for (std::size_t j = 1; j < all.size(); ++j)
    if (mean.value(all[j]) > mean.value(all[worst])) worst = j;
  EXPECT_THAT(found, Near(mean.gradient(all[worst]), 1e-12));
}

TEST_P(TiltedSamClosedForm, NoiseIsNoLongerThanAskedFor) {
  tilted({.rho = 0.3, .samples = 5, .noise = 0.2});
  for (std::size_t pass = 0; pass < objective.diary.size(); pass += 2)
    EXPECT_NEAR(norm(plus(-1.0, w, objective.diary[pass].weights)), 0.2, 1e-9);
}

TEST(TiltedSam, ItsOptionsAgreeWithTheReference) {
  for (const char* ascent : {"true", "false"})
    for (const char* tilt : {"0", "3", "100"}) {
      SCOPED_TRACE(std::string("ascent ") + ascent + ", tilt " + tilt);
      const Settings settings({{"ascent", ascent}, {"tilt", tilt}, {"rho", "0.3"}});
      EXPECT_LT(distance_to_reference("tilted_sam", settings, 30), 1e-9);
    }
}

TEST(TiltedSam, SettingsOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { TiltedSam({.samples = 0}); }),
            "tilted_sam: samples is 0, want 1 or more");
  EXPECT_EQ(error_of([] { TiltedSam({.tilt = -1.0}); }),
            "tilted_sam: tilt is -1, want a finite number >= 0");
}

}  // namespace
}  // namespace polder::optim
