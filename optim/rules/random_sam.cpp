#include "polder/optim/rules/random_sam.h"

#include <cmath>
#include <numbers>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

RandomSam::RandomSam(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(options.p >= 0.0 && options.p <= 1.0, "random_sam: p is {}, want a number in [0, 1]",
          options.p);
  require(!options.gamma || std::isfinite(*options.gamma),
          "random_sam: gamma is {}, want a finite number or match", options.gamma.value_or(0.0));
}

void RandomSam::prepare(Objective& objective, const BaseOptimizer&) {
  problem_ = &objective;
  if (options_.gamma != 1.0) clean_ = objective.arena().make_flat();
}

double RandomSam::probability(std::int64_t step) const {
  if (options_.schedule == Schedule::constant) return options_.p;
  const double done = problem_->done(step);
  switch (options_.schedule) {
    case Schedule::step_up:
      return done >= 0.5 ? options_.p : 0.0;
    case Schedule::step_down:
      return done >= 0.5 ? 0.0 : options_.p;
    case Schedule::linear_up:
      return done;
    case Schedule::linear_down:
      return 1.0 - done;
    case Schedule::cosine_up:
      return (1.0 - std::cos(std::numbers::pi * done)) / 2.0;
    default:
      return (1.0 + std::cos(std::numbers::pi * done)) / 2.0;
  }
}

bool RandomSam::tosses_sam(std::int64_t step) const {
  const RandomKey key = problem_->draw("random_sam/coin").at(static_cast<std::uint32_t>(step));
  return uniform(key, 0) < probability(step);
}

double RandomSam::gamma_at(std::int64_t step) const {
  return options_.gamma.value_or(1.0 / probability(step));
}

std::optional<std::int64_t> RandomSam::phase(std::int64_t step) const {
  const bool sam = tosses_sam(step);
  if (sam && !options_.gamma && options_.schedule != Schedule::constant) return std::nullopt;
  return sam ? 1 : 0;
}

StepReport RandomSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = tosses_sam(objective.step())};  // X_t
  report.loss = objective.gradient(batch, g);                                        // g
  if (!report.perturbed) return report;
  gamma_ = gamma_at(objective.step());
  if (gamma_ != 1.0) clean_.copy_from(g);
  Ascent ascent = ascend(objective.arena(), g, radius());
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // g_p
  report.gradient_norm = ascent.norm;
  if (gamma_ != 1.0) mix(1.0 - gamma_, clean_, gamma_, g);  // G = (1 - gamma) g + gamma g_p
  return report;
}

void RandomSam::map_tangent(Tensor& x) const { scale_by(constant(gamma_, x.device()), x); }

namespace {

/// Of a step, over the whole run.
double mean_probability(const Settings& settings) {
  const std::string& schedule = settings.text("schedule");
  if (schedule == "constant") return settings.number("p");
  return schedule.starts_with("step") ? settings.number("p") / 2.0 : 0.5;
}

}  // namespace

RuleEntry random_sam_entry() {
  using Schedule = RandomSam::Schedule;
  const auto schedule = [](const Settings& settings) {
    return settings.choice<Schedule>("schedule", {{"constant", Schedule::constant},
                                                  {"step_up", Schedule::step_up},
                                                  {"step_down", Schedule::step_down},
                                                  {"linear_up", Schedule::linear_up},
                                                  {"linear_down", Schedule::linear_down},
                                                  {"cosine_up", Schedule::cosine_up},
                                                  {"cosine_down", Schedule::cosine_down}});
  };
  return {.name = "random_sam",
          .summary = "a coin each step decides between the base gradient and sam",
          .paper = "Zhao, Zhang, Hu 2022, arXiv 2203.09962",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"p", "0.6", "probability of a step of sam"},
                         {"schedule", "constant",
                          "of p: constant, step_up, step_down, linear_up, linear_down, cosine_up, "
                          "cosine_down"},
                         {"gamma", "1", "weight of the perturbed gradient; match: 1 / p"}},
          .cost_formula = "1 + p GE",
          .cost =
              [](const Settings& settings, std::int64_t) {
                return RuleCost{.step = {.gradients = 1},
                                .perturbed = {.gradients = 1},
                                .perturbing = mean_probability(settings),
                                .scratch = settings.text("gamma") == "1" ? 0 : 1};
              },
          .needs =
              [](const Settings& settings) {
                return RuleNeeds{.course = settings.text("schedule") != "constant"};
              },
          .trial = {{"rho", "0.5"}, {"p", "0.8"}, {"gamma", "0.7"}},
          .identities = {{.settings = {{"p", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"p", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}},
                         {.settings = {{"rho", "0.1"}, {"p", "1"}, {"gamma", "0.7"}},
                          .rule = "gnp",
                          .rule_settings = {{"rho", "0.1"}, {"alpha", "0.7"}}},
                         {.settings = {{"rho", "0.1"}, {"p", "1"}, {"gamma", "match"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [schedule](const Settings& settings, nn::ParameterArena& arena) {
                RandomSam::Options options{.rho = settings.number("rho"),
                                           .p = settings.number("p"),
                                           .schedule = schedule(settings)};
                options.gamma = settings.text("gamma") == "match"
                                    ? std::nullopt
                                    : std::optional(settings.number("gamma"));
                return std::make_unique<RandomSam>(options, arena.device());
              }};
}

}  // namespace polder::optim
