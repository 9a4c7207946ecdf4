#include <gtest/gtest.h>

#include "polder/lets/lets.h"
#include "polder/verify/twins.h"

// Learned radii beside their reference where they move fast, and under options that checks leave at
// their defaults.
namespace polder::verify {
namespace {

void expect_agreement(std::map<std::string, std::string> options) {
  optim::RuleRegistry rules = optim::built_in_rules();
  lets::add_rules(rules);
  options["lr_nu"] = "0.05";
  for (const char* rule : {"lets_sam", "lets_asam"})
    EXPECT_LT(distance_to_reference(rules.find(rule), optim::Settings(options), 50), 1e-9) << rule;
}

TEST(LearnedRadius, AgreesWithItsReference) { expect_agreement({}); }

TEST(LearnedRadius, AgreesWhereItDescendsTheValidationLoss) {
  expect_agreement({{"upper_objective", "validation_loss"}});
}

TEST(LearnedRadius, AgreesWithAnUpperStepNowAndThen) { expect_agreement({{"update_every", "3"}}); }

TEST(LearnedRadius, AgreesWhereItIsClamped) {
  expect_agreement({{"rho", "0.3"}, {"rho_min", "0.29"}, {"rho_max", "0.31"}});
}

}  // namespace
}  // namespace polder::verify
