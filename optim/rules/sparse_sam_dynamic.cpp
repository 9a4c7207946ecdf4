#include "polder/optim/rules/sparse_sam_dynamic.h"

#include <cmath>
#include <numbers>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"

namespace polder::optim {

using kernels::backend_of;

SparseSamDynamic::SparseSamDynamic(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(options.sparsity >= 0.0 && options.sparsity <= 1.0,
          "sparse_sam_dynamic: sparsity is {}, want a number in [0, 1]", options.sparsity);
  require(options.drop_rate >= 0.0 && options.drop_rate <= 1.0,
          "sparse_sam_dynamic: drop_rate is {}, want a number in [0, 1]", options.drop_rate);
  require(options.refresh_every >= 1, "sparse_sam_dynamic: refresh_every is {}, want 1 or more",
          options.refresh_every);
}

void SparseSamDynamic::prepare(Objective& objective, const BaseOptimizer&) {
  const nn::ParameterArena& arena = objective.arena();
  const double d = static_cast<double>(arena.weight_count());
  problem_ = &objective;
  live_ = arena.weight_count() - static_cast<std::int64_t>(std::ceil(d * options_.sparsity));
  require(live_ > 0 || options_.sparsity == 1.0,
          "sparse_sam_dynamic: a sparsity of {} leaves none of {} weights to perturb",
          options_.sparsity, arena.weight_count());
  mask_ = arena.make_flat();
  Tensor all = arena.make_flat(), scores = arena.make_flat();
  fill_weights(arena, 1.0, all);
  draw_uniform(arena, objective.draw("sparse_sam_dynamic/mask"), scores);
  backend_of(mask_).mark_largest(scores, all, live_, mask_);
}

bool SparseSamDynamic::refreshes(std::int64_t step) const {
  const std::int64_t per_epoch = problem_->course().steps_per_epoch;
  return step % per_epoch == 0 && step / per_epoch % options_.refresh_every == 0;
}

std::optional<std::int64_t> SparseSamDynamic::phase(std::int64_t step) const {
  if (refreshes(step)) return std::nullopt;
  return 0;
}

StepReport SparseSamDynamic::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  const bool refresh = refreshes(objective.step());
  Tensor dropping, growing;
  if (refresh) {
    dropping = arena.make_flat(), growing = arena.make_flat();
    write_scores(options_.drop, objective, g, "sparse_sam_dynamic/drop", dropping);
    write_scores(options_.grow, objective, g, "sparse_sam_dynamic/grow", growing);
  }
  const Tensor square = squared_norm(g);  // of the whole gradient
  multiply(mask_, g);                     // m o g
  const Ascent ascent = ascend_along(arena, g, square, radius());
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  if (refresh) evolve(objective, dropping, growing);  // the new mask acts from the next batch on
  return report;
}

void SparseSamDynamic::write_scores(Score score, Objective& objective, const Tensor& g,
                                    std::string_view stream, Tensor& scores) const {
  const nn::ParameterArena& arena = objective.arena();
  if (score == Score::random) return draw_uniform(arena, objective.draw(stream), scores);
  const Tensor& source = score == Score::gradient ? g : arena.home();
  backend_of(scores).unary(kernels::Unary::abs, source, scores);
}

void SparseSamDynamic::evolve(Objective& objective, const Tensor& dropping, const Tensor& growing) {
  const nn::ParameterArena& arena = objective.arena();
  const double progress =
      static_cast<double>(objective.epoch()) / static_cast<double>(objective.epochs());
  const double rate = options_.drop_rate * (1.0 + std::cos(std::numbers::pi * progress)) / 2.0;
  const auto moved = std::min(static_cast<std::int64_t>(static_cast<double>(live_) * rate),
                              arena.weight_count() - live_);
  kernels::Backend& backend = backend_of(mask_);
  Tensor dead = arena.make_flat();
  fill_weights(arena, 1.0, dead);
  add(-1.0, mask_, dead);
  backend.mark_largest(growing, dead, moved, dead);
  backend.mark_largest(dropping, mask_, live_ - moved, mask_);
  add(1.0, dead, mask_);
}

void SparseSamDynamic::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("mask", mask_);
}

RuleEntry sparse_sam_dynamic_entry() {
  using Score = SparseSamDynamic::Score;
  const auto score = [](const Settings& settings, const char* name) {
    return settings.choice<Score>(
        name,
        {{"gradient", Score::gradient}, {"weight", Score::weight}, {"random", Score::random}});
  };
  return {.name = "sparse_sam_dynamic",
          .summary = "sam on a part of the weights that evolves from epoch to epoch",
          .paper = "Mi et al., NeurIPS 2022, arXiv 2210.05177",
          .parameters = {{"rho", "0.1", "radius of the ball; the masked step is shorter"},
                         {"sparsity", "0.5", "share of the weights that is not perturbed"},
                         {"drop_rate", "0.5", "share of the mask replaced at first; falls to 0"},
                         {"refresh_every", "1", "epochs between refreshes"},
                         {"drop", "gradient", "smallest leave: gradient, weight, random"},
                         {"grow", "random", "largest come in: random, gradient, weight"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .kept = 1}; },
          .needs = [](const Settings&) { return RuleNeeds{.course = true}; },
          .reach = Reach::within,
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"sparsity", "1"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"sparsity", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [score](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<SparseSamDynamic>(
                    SparseSamDynamic::Options{.rho = settings.number("rho"),
                                              .sparsity = settings.number("sparsity"),
                                              .drop_rate = settings.number("drop_rate"),
                                              .refresh_every = settings.integer("refresh_every"),
                                              .drop = score(settings, "drop"),
                                              .grow = score(settings, "grow")},
                    arena.device());
              }};
}

}  // namespace polder::optim
