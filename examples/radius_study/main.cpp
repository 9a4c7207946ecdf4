// Why a learned radius does not end where the best fixed one is: each experiment isolates one
// reason. docs/results.md tells what came out; scripts/radius_study.sh runs all of it.
//
//   radius_study radii|slopes|horizon|learning [options of polder train]
//
// Prints one JSON object a line.

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <map>

#include "polder/app/command_line.h"
#include "polder/kernels/backend.h"
#include "slopes.h"

using namespace polder;
using namespace polder::radius_study;

namespace {

OpenRun::MakeRule sam(double rho) { return rule_named(fmt::format("sam:rho={}", rho)); }

void print(const app::Config& config, const std::string& rest) {
  fmt::print("{{\"noise\": {}, \"seed\": {}, {}}}\n", config.label_noise, config.seed, rest);
  std::fflush(stdout);
}

std::string to_json(const Scores& s) {
  return fmt::format(
      R"("training": {:.6g}, "validation": {:.6g}, "test": {:.6g}, "accuracy": {:.6g})", s.training,
      s.validation, s.test, s.test_accuracy);
}

/// Whole runs at fixed radii: what the upper objective says about each of them, on all samples.
void radii(const app::Config& config) {
  for (const double rho : {0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 2.0}) {
    OpenRun run(config, sam(rho));
    run.train_until(run.total_steps());
    print(config, fmt::format(R"("rho": {}, {})", rho, to_json(run.scores())));
  }
}

/// Slopes of the upper objectives at checkpoints of runs at fixed radii.
void slopes(const app::Config& config) {
  constexpr int kLowerSteps = 12;
  for (const double rho : {1.0, 0.5, 0.2, 0.05, 0.005}) {
    OpenRun run(config, sam(rho));
    for (const double part : {0.06, 0.15, 0.3, 0.5, 0.75}) {
      run.train_until(static_cast<std::int64_t>(part * static_cast<double>(run.total_steps())));
      std::string rest = fmt::format(R"("rho": {}, "step": {})", rho, run.steps_made());
      for (const auto& [name, m] : summary_of(look_from_above(run, kLowerSteps)))
        rest += fmt::format(R"(, "{}": [{:.5g}, {:.5g}])", name, m.mean, m.standard_error());
      print(config, rest);
    }
  }
}

/// Where the run ends after so many more steps at another radius, the batches the same. The run
/// stays where it is.
Scores after(OpenRun& run, double rho, std::int64_t steps) {
  auto& rule = fixed_radius_rule(run.rule());
  OpenRun::Place here = run.place();
  const Tensor before = rule.radius();
  rule.set_radius(Tensor::scalar(rho));
  run.train_until(here.steps + steps);
  const Scores scores = run.scores();
  rule.set_radius(before);
  run.return_to(here);
  return scores;
}

/// Many steps instead of one: central differences along log rho.
void horizon(const app::Config& config) {
  constexpr double kShift = 0.1;
  constexpr std::int64_t kSteps = 100;
  for (const double rho : {0.05, 0.2, 0.5, 1.0}) {
    OpenRun run(config, sam(rho));
    for (const double part : {0.15, 0.45, 0.75}) {
      run.train_until(static_cast<std::int64_t>(part * static_cast<double>(run.total_steps())));
      const Scores more = after(run, rho * std::exp(kShift), kSteps);
      const Scores less = after(run, rho * std::exp(-kShift), kSteps);
      const auto slope = [](double high, double low) { return (high - low) / (2 * kShift); };
      print(config,
            fmt::format(R"("rho": {}, "step": {}, "J": {:.5g}, "validation": {:.5g}, )"
                        R"("test": {:.5g}, "accuracy": {:.5g})",
                        rho, run.steps_made(), slope(more.objective(), less.objective()),
                        slope(more.validation, less.validation), slope(more.test, less.test),
                        slope(more.test_accuracy, less.test_accuracy)));
    }
  }
}

/// A learner of the radius under training, and where its radius is now and then.
void learn(const app::Config& config, const char* learner, double start, OpenRun& run) {
  while (run.steps_made() < run.total_steps()) {
    const optim::StepReport report = run.step();
    const bool last = run.steps_made() == run.total_steps();
    if (run.steps_made() % 40 != 0 && !last) continue;
    print(config, fmt::format(R"("learner": "{}", "start": {}, "step": {}, "rho": {:.5g}{})",
                              learner, start, run.steps_made(), report.radius.item(),
                              last ? ", " + to_json(run.scores()) : ""));
  }
}

/// The radius learned in a run: from the gap or from the validation loss, by batches or on the
/// whole sets (which are dear, hence seldom looked at and then with a larger step).
void learning(const app::Config& config) {
  struct Learner {
    const char* name;
    const char* settings;
    bool whole_sets;
  };
  constexpr Learner kLearners[] = {
      {"gap", "lr_nu=0.02,update_every=2,gap_batch=fresh", false},
      {"gap, whole sets", "lr_nu=0.08,update_every=8,gap_batch=fresh", true},
      {"validation loss", "lr_nu=0.02,update_every=2,upper_objective=validation_loss", false},
      {"validation loss, whole set", "lr_nu=0.02,update_every=2,upper_objective=validation_loss",
       true}};
  for (const double start : {0.005, 0.05, 0.5}) {
    for (const Learner& learner : kLearners) {
      OpenRun run(config, rule_named(fmt::format("lets_sam:rho={},{}", start, learner.settings)));
      if (learner.whole_sets) run.look_at_whole_sets();
      learn(config, learner.name, start, run);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(const app::Config&)> experiments = {
      {"radii", radii}, {"slopes", slopes}, {"horizon", horizon}, {"learning", learning}};
  const auto experiment = experiments.find(argc > 1 ? argv[1] : "");
  if (experiment == experiments.end()) {
    fmt::print(stderr, "radius_study radii|slopes|horizon|learning [options of polder train]\n");
    return 2;
  }
  try {
    const std::vector<std::string> options(argv + 2, argv + argc);
    kernels::set_thread_count(1);
    experiment->second(app::parse_train_options(options));
  } catch (const std::exception& error) {
    fmt::print(stderr, "radius_study: {}\n", error.what());
    return 1;
  }
  return 0;
}
