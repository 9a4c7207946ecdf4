#include "doctor/patient.h"

/// No false alarms, and a training that does not notice.
namespace polder::doctor {
namespace {

class Healthy : public testing::TestWithParam<std::string> {
 protected:
  Healthy() { kernels::set_thread_count(1); }
  ~Healthy() override { kernels::set_thread_count(threads_); }

  const optim::RuleEntry& entry() const { return all_rules().find(GetParam()); }
  SettingsMap with(SettingsMap settings) const {
    for (const optim::HyperParameter& parameter : entry().parameters)
      if (parameter.name == "allow_inexact") settings["allow_inexact"] = "true";
    return settings;
  }

 private:
  int threads_ = kernels::thread_count();
};
INSTANTIATE_TEST_SUITE_P(Rules, Healthy, testing::ValuesIn(all_rules().names()),
                         [](const auto& parameter) { return parameter.param; });

TEST_P(Healthy, GivesNoFinding) {
  for (const auto& settings : {with(entry().trial), with({})})
    for (const std::uint64_t seed : {1, 2}) {
      Patient patient(GetParam(), settings, {.seed = seed});
      patient.rows = 26;  // enough for the shards of every default
      const Diagnosis diagnosis = patient.examine();
      EXPECT_EQ(diagnosis.steps, 30);
      EXPECT_TRUE(diagnosis.healthy()) << to_text(diagnosis);
    }
}

TEST_P(Healthy, GoesOnAsIfNothingHadHappened) {
  Patient examined(GetParam(), with(entry().trial)), alone(GetParam(), with(entry().trial));
  for (const int steps : {0, 4}) {
    examined.run_steps(steps);
    alone.run_steps(steps);
    examined.options.steps = 7;
    examined.options.first_step = examined.steps;
    examined.examine();
    verify::Memory found, expected;
    found.save(examined);
    expected.save(alone);
    for (const auto& [name, tensor] : expected.tensors())
      EXPECT_EQ(bits_of(found.tensors().at(name)), bits_of(tensor)) << name;
    EXPECT_EQ(examined.problem.objective.work().gradients,
              alone.problem.objective.work().gradients);
  }
  examined.run_steps(5);
  alone.run_steps(5);
  EXPECT_EQ(bits_of(examined.problem.arena.home()), bits_of(alone.problem.arena.home()));
}

TEST(Rewinding, HappensWhicheverPassFails) {
  Patient patient("sam", {}), untouched("sam", {});
  patient.problem.objective.fail_at = 5;
  EXPECT_THROW(patient.examine(), verify::PassFailed);
  patient.problem.objective.fail_at = -1;
  EXPECT_TRUE(patient.problem.arena.at_home());
  patient.run_steps(4);
  untouched.run_steps(4);
  EXPECT_EQ(bits_of(patient.problem.arena.home()), bits_of(untouched.problem.arena.home()));
}

}  // namespace
}  // namespace polder::doctor
