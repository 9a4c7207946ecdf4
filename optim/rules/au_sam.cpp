#include "polder/optim/rules/au_sam.h"

#include "polder/optim/registry.h"
#include "polder/optim/rows.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;
using kernels::Unary;

namespace {

constexpr double kDecay = 0.9;  // of a score
constexpr double kFloor = 0.1;  // of the mean score, added to every score

/// 1 where there is a score.
Tensor known(const Tensor& scores) { return at_least(scores, constant(0.0, scores.device())); }

/// Of the scores there are; 0 when there are none.
Tensor mean_of_known(const Tensor& scores) {
  const Tensor flags = known(scores);
  return share(total(product(scores, flags)), total(flags));
}

/// The mean where there is no score.
Tensor filled(const Tensor& scores, const Tensor& mean) {
  const Tensor flags = known(scores);
  return sum(product(scores, flags), product(affine(flags, -1.0, 1.0), mean));
}

/// k rows without replacement with chances proportional to p.
Tensor draw_rows(RandomKey key, const Tensor& p, std::int64_t k) {
  Tensor u = Tensor::empty(p.shape(), DType::float64, p.device());
  backend_of(u).random_uniform(key, 0.0, 1.0, u);
  // log(u) / p = -exp(-(log p + Gumbel noise)): the same order.
  return largest(quotient(map(Unary::log, u), p), k);
}

/// s + 0.1 m, or 1 everywhere when no row has a score.
Tensor chances(const Tensor& scores, const Tensor& mean) {
  Tensor p = affine(scores, 0.0);
  backend_of(p).fill(1.0, p);
  assign_if(positive(mean), sum(filled(scores, mean), affine(mean, kFloor)), p);
  return p;
}

}  // namespace

AuSam::AuSam(double rho, double fraction, Device device)
    : RadiusRule(rho, device), fraction_(fraction) {
  require(fraction > 0.0 && fraction <= 1.0, "au_sam: fraction is {}, want a number in (0, 1]",
          fraction);
}

void AuSam::prepare(Objective& objective, const BaseOptimizer&) {
  steps_per_epoch_ = objective.course().steps_per_epoch;
  scores_ = Tensor::empty({objective.training_set().positions, 1}, DType::float64,
                          objective.arena().device());
  backend_of(scores_).fill(-1.0, scores_);
}

StepReport AuSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  require(batch.indices.defined(), "au_sam: wants batches that know the indices of their samples");
  const std::int64_t n = batch.size();
  const std::int64_t k = objective.epoch() == 0 ? n : share_of_rows(fraction_, n);
  const Tensor scores = scores_of(batch), mean = mean_of_known(scores);
  Batch rows = batch;  // B_k
  if (k < n)
    rows = gather(batch, draw_rows(objective.draw("au_sam/rows"), chances(scores, mean), k));
  StepReport report{.radius = radius(), .perturbed = true};
  Tensor before, after;                                            // l_i(w), l_i(w + epsilon)
  report.loss = objective.gradient(rows, g, {.losses = &before});  // g = grad L_{B_k}(w)
  const Ascent ascent = ascend(objective.arena(), g, radius());
  Excursion away(objective, ascent);                                        // w + epsilon is active
  report.perturbed_loss = away.gradient(rows, g, 1.0, {.losses = &after});  // G
  report.gradient_norm = ascent.norm;
  remember(rows, map(Unary::abs, difference(wide(after), wide(before))), mean);
  return report;
}

Tensor AuSam::scores_of(const Batch& rows) const {
  return gather_rows(scores_, rows.indices).reshape({rows.size()});
}

/// s <- 0.9 s + 0.1 change
void AuSam::remember(const Batch& rows, const Tensor& changes, const Tensor& mean_score) {
  Tensor start = average(changes);
  assign_if(positive(mean_score), mean_score, start);
  const Tensor old = filled(scores_of(rows), start);
  const Tensor scores = sum(affine(old, kDecay), affine(changes, 1.0 - kDecay));
  put_rows(scores.reshape({rows.size(), 1}), rows.indices, scores_);
}

std::optional<std::int64_t> AuSam::phase(std::int64_t step) const {
  return step < steps_per_epoch_ ? 0 : 1;
}

void AuSam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("scores", scores_);
}

RuleEntry au_sam_entry() {
  return {.name = "au_sam",
          .summary = "sam on rows sampled by how much a perturbation changed their loss",
          .paper = "Deng, Pang, Zhang, AAAI 2025, arXiv 2406.08001",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"fraction", "0.5", "share of the batch that is sampled"}},
          .cost_formula = "2 fraction GE (2 GE in epoch 0)",
          .cost =
              [](const Settings& settings, std::int64_t rows) {
                const std::int64_t k = share_of_rows(settings.number("fraction"), rows);
                const double share = static_cast<double>(k) / static_cast<double>(rows);
                return RuleCost{.step = {.gradients = 2.0 * share},
                                .opening = {.gradients = 2.0 - 2.0 * share}};
              },
          .needs = [](const Settings&) { return RuleNeeds{.training_set = true, .course = true}; },
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}, {"fraction", "1"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"fraction", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<AuSam>(settings.number("rho"), settings.number("fraction"),
                                               arena.device());
              }};
}

}  // namespace polder::optim
