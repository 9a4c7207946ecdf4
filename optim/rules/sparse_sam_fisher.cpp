#include "polder/optim/rules/sparse_sam_fisher.h"

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"

namespace polder::optim {

using kernels::backend_of;

SparseSamFisher::SparseSamFisher(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(options.sparsity >= 0.0 && options.sparsity <= 1.0,
          "sparse_sam_fisher: sparsity is {}, want a number in [0, 1]", options.sparsity);
  require(options.samples >= 1, "sparse_sam_fisher: samples is {}, want 1 or more",
          options.samples);
  require(options.refresh_every >= 1, "sparse_sam_fisher: refresh_every is {}, want 1 or more",
          options.refresh_every);
}

void SparseSamFisher::prepare(Objective& objective, const BaseOptimizer&) {
  require(
      !objective.training_set().indices.empty(),
      "sparse_sam_fisher: the training set holds no samples to estimate the Fisher values from");
  const std::int64_t weights = objective.arena().weight_count();
  kept_ = static_cast<std::int64_t>(static_cast<double>(weights) * (1.0 - options_.sparsity));
  require(kept_ > 0 || options_.sparsity == 1.0,
          "sparse_sam_fisher: a sparsity of {} leaves none of {} weights to perturb",
          options_.sparsity, weights);
  problem_ = &objective;
  mask_ = objective.arena().make_flat();
}

bool SparseSamFisher::refreshes(std::int64_t step) const {
  const std::int64_t per_epoch = problem_->course().steps_per_epoch;
  return step % per_epoch == 0 && step / per_epoch % options_.refresh_every == 0;
}

std::optional<std::int64_t> SparseSamFisher::phase(std::int64_t step) const {
  if (refreshes(step)) return std::nullopt;
  return 0;
}

StepReport SparseSamFisher::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  if (refreshes(objective.step())) refresh(objective, g);
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  const Tensor square = squared_norm(g);       // of the whole gradient
  multiply(mask_, g);                          // m o g
  const Ascent ascent = ascend_along(objective.arena(), g, square, radius());
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

void SparseSamFisher::refresh(Objective& objective, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  const TrainingSet& set = objective.training_set();
  const RandomKey key = objective.draw("sparse_sam_fisher/samples");
  Tensor fisher = arena.make_flat();  // F
  for (std::int64_t i = 0; i < options_.samples; ++i) {
    const auto drawn = below(key, static_cast<std::uint64_t>(i), set.indices.size());
    const std::int64_t index = set.indices[drawn];
    objective.gradient(set.rows({&index, 1}), g, {.evaluation = true});  // grad l_i(w)
    backend_of(g).unary(kernels::Unary::square, g, g);
    add(1.0, g, fisher);
  }
  Tensor all = arena.make_flat();
  fill_weights(arena, 1.0, all);
  backend_of(mask_).mark_largest(fisher, all, kept_, mask_);
}

void SparseSamFisher::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("mask", mask_);
}

RuleEntry sparse_sam_fisher_entry() {
  return {.name = "sparse_sam_fisher",
          .summary = "sam on the weights with the largest empirical Fisher values",
          .paper = "Mi et al., NeurIPS 2022, arXiv 2210.05177",
          .parameters = {{"rho", "0.1", "radius of the ball; the masked step is shorter"},
                         {"sparsity", "0.5", "share of the weights that is not perturbed"},
                         {"samples", "128", "training samples behind the Fisher values"},
                         {"refresh_every", "1", "epochs between refreshes"}},
          .cost_formula = "2 GE, and a pass for each Fisher sample at a refresh",
          .cost =
              [](const Settings& settings, std::int64_t rows) {
                const double passes = settings.number("samples") / static_cast<double>(rows);
                return RuleCost{
                    .step = {.gradients = 2}, .epoch = {.gradients = passes}, .kept = 1};
              },
          .needs = [](const Settings&) { return RuleNeeds{.training_set = true, .course = true}; },
          .reach = Reach::within,
          .trial = {{"rho", "0.5"}, {"samples", "5"}},
          .identities = {{.settings = {{"rho", "0"}, {"samples", "3"}}, .rule = "none"},
                         {.settings = {{"sparsity", "1"}, {"samples", "3"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"sparsity", "0"}, {"samples", "3"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<SparseSamFisher>(
                    SparseSamFisher::Options{.rho = settings.number("rho"),
                                             .sparsity = settings.number("sparsity"),
                                             .samples = settings.integer("samples"),
                                             .refresh_every = settings.integer("refresh_every")},
                    arena.device());
              }};
}

}  // namespace polder::optim
