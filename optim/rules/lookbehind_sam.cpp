#include "polder/optim/rules/lookbehind_sam.h"

#include <cmath>

#include "polder/optim/base_optimizer.h"
#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

LookbehindSam::LookbehindSam(const Options& options, Device device)
    : options_(options), rho_(constant(options.rho, device)) {
  require(std::isfinite(options.rho) && options.rho >= 0.0,
          "lookbehind_sam: rho is {}, want a finite number >= 0", options.rho);
  require(options.k >= 1, "lookbehind_sam: k is {}, want 1 or more", options.k);
  require(!options.alpha || (*options.alpha >= 0.0 && *options.alpha <= 1.0),
          "lookbehind_sam: alpha is {}, want a number in [0, 1] or adaptive",
          options.alpha.value_or(0.0));
}

void LookbehindSam::prepare(Objective& objective, const BaseOptimizer&) {
  slow_ = objective.arena().make_flat();
  if (!options_.alpha) first_ = objective.arena().make_flat();
}

std::optional<std::int64_t> LookbehindSam::phase(std::int64_t) const {
  if (options_.k > 1) return std::nullopt;
  return 0;
}

StepReport LookbehindSam::step(Objective& objective, const Batch& batch, BaseOptimizer& base,
                               double clip, Tensor& g) {
  nn::ParameterArena& arena = objective.arena();
  slow_.copy_from(arena.home());
  try {
    StepReport report = descend(objective, batch, base, clip, g);
    average(arena, g);
    arena.refresh_home_copy();
    return report;
  } catch (...) {
    arena.home().copy_from(slow_);
    arena.refresh_home_copy();
    throw;
  }
}

/// x lives in the twin and does not follow fast, which lives at home.
StepReport LookbehindSam::descend(Objective& objective, const Batch& batch, BaseOptimizer& base,
                                  double clip, Tensor& g) {
  nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = rho_, .perturbed = true};
  report.loss = objective.gradient(batch, g);
  const Ascent ascent = ascend(arena, g, rho_);
  report.gradient_norm = ascent.norm;
  Excursion away(objective, ascent);  // x <- x + rho dir(grad L_B(x))
  for (std::int64_t j = 0; j < options_.k; ++j) {
    if (j > 0) {
      objective.gradient(batch, g);
      away.go_on(ascend(arena, g, rho_));
    }
    report.perturbed_loss = away.gradient(batch, g);  // grad L_B(x)
    clip_gradient(clip, g);
    away.at_home([&] { base.step(g); });  // fast <- Base(fast, grad L_B(x))
    if (j == 0 && first_.defined()) first_.copy_from(arena.home());
  }
  return report;
}

/// w <- (1 - alpha) slow + alpha fast
void LookbehindSam::average(nn::ParameterArena& arena, Tensor& scratch) {
  if (options_.alpha) return mix(1.0 - *options_.alpha, slow_, *options_.alpha, arena.home());
  add(-1.0, slow_, first_);  // fast_1 - slow
  scratch.copy_from(arena.home());
  add(-1.0, slow_, scratch);  // fast_k - slow
  for (const nn::Segment& segment : arena.segments()) {
    const Tensor a = arena.part(first_, segment), b = arena.part(scratch, segment);
    const Tensor lengths = map(kernels::Unary::sqrt, product(squared_norm(a), squared_norm(b)));
    const Tensor alpha = affine(share(dot(a, b), lengths), 0.5, 0.5);
    Tensor weights = arena.part(arena.home(), segment);
    mix(affine(alpha, -1.0, 1.0), arena.part(slow_, segment), alpha, weights);
  }
}

RuleEntry lookbehind_sam_entry() {
  return {.name = "lookbehind_sam",
          .summary = "accumulated ascents with a descent after each, then an average",
          .paper = "Mordido, Malviya, Baratin, Chandar, ICML 2024, arXiv 2307.16704",
          .parameters = {{"rho", "0.05", "length of each ascent"},
                         {"k", "2", "ascents and descents a batch"},
                         {"alpha", "adaptive", "share of the fast weights; adaptive: by segment"}},
          .cost_formula = "2 k GE",
          .cost =
              [](const Settings& settings, std::int64_t) {
                return RuleCost{.step = {.gradients = 2.0 * settings.number("k")},
                                .scratch = settings.text("alpha") == "adaptive" ? 2 : 1};
              },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}, {"k", "1"}, {"alpha", "1"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"k", "1"}, {"alpha", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                LookbehindSam::Options options{.rho = settings.number("rho"),
                                               .k = settings.integer("k")};
                if (settings.text("alpha") != "adaptive") options.alpha = settings.number("alpha");
                return std::make_unique<LookbehindSam>(options, arena.device());
              }};
}

}  // namespace polder::optim
