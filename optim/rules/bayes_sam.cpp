#include "polder/optim/rules/bayes_sam.h"

#include <fmt/format.h>

#include <cmath>

#include "polder/optim/base_optimizer.h"
#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;
using kernels::Unary;

BayesSam::BayesSam(const Options& options, Device device)
    : options_(options), rho_(constant(options.rho, device)) {
  const auto& [rho, b1, b2, gamma, prior_precision, data_factor, shards, noise] = options;
  for (const auto& [name, value] : {std::pair("rho", rho), std::pair("gamma", gamma),
                                    std::pair("prior_precision", prior_precision)})
    require(std::isfinite(value) && value >= 0.0, "bayes_sam: {} is {}, want a finite number >= 0",
            name, value);
  require(b1 >= 0.0 && b1 < 1.0, "bayes_sam: b1 is {}, want a number in [0, 1)", b1);
  require(b2 >= 0.0 && b2 <= 1.0, "bayes_sam: b2 is {}, want a number in [0, 1] (1 holds s)", b2);
  require(std::isfinite(data_factor) && data_factor > 0.0,
          "bayes_sam: data_factor is {}, want a finite number > 0", data_factor);
  require(shards >= 1, "bayes_sam: shards is {}, want 1 or more", shards);
  require(b2 == 1.0 || gamma + prior_precision > 0.0,
          "bayes_sam: gamma and prior_precision are 0, so that the precision s would fall to 0");
  for (std::int64_t j = 0; j < shards; ++j)
    streams_.push_back(fmt::format("bayes_sam/noise/{}", j));
}

void BayesSam::prepare(Objective& objective, const BaseOptimizer&) {
  const auto trained_on = static_cast<double>(objective.training_set().indices.size());
  require(trained_on > 0.0, "bayes_sam: the training set has no samples");
  samples_ = trained_on * options_.data_factor;
  delta_ = options_.prior_precision / samples_;
  for (Tensor* flat : {&m_, &s_, &x_, &size_}) *flat = objective.arena().make_flat();
  backend_of(s_).fill(1.0, s_);
}

StepReport BayesSam::step(Objective& objective, const Batch& batch, BaseOptimizer& base,
                          double clip, Tensor& g) {
  StepReport report = look(objective, batch, g);
  clip_gradient(clip, g);
  update(objective.arena(), base.rate(), g);
  return report;
}

/// g = mean_j e_j, size_ = mean_j |g_j|.
StepReport BayesSam::look(Objective& objective, const Batch& batch, Tensor& g) {
  const std::int64_t n = batch.size(), shards = options_.shards;
  require(shards <= n, "bayes_sam: shards is {}, but the batch has only {} rows", shards, n);
  const nn::ParameterArena& arena = objective.arena();
  const Tensor one = constant(1.0, arena.device());
  Tensor noisy_loss = constant(0.0, arena.device()), loss = constant(0.0, arena.device());
  backend_of(g).fill(0.0, g);
  backend_of(size_).fill(0.0, size_);
  for (std::int64_t j = 0; j < shards; ++j) {
    const Batch shard = batch.slice(j * n / shards, (j + 1) * n / shards);  // S_j
    const double share = static_cast<double>(shard.size()) / static_cast<double>(n);
    draw_noise(objective, j);
    Excursion away(objective, displace(arena, x_, one));    // theta_j
    add(share, objective.gradient(shard, x_), noisy_loss);  // g_j
    add(share, map(Unary::abs, x_), size_);
    backend_of(x_).binary(kernels::Binary::div, x_, s_, kernels::Broadcast::none, x_);
    away.jump(displace(arena, x_, rho_));  // w + rho g_j / s: from w, not from theta_j
    add(share, away.gradient(shard, g, share, {.weight = share, .accumulate = true}), loss);  // e_j
  }
  return {.perturbed_loss = loss,
          .radius = rho_,
          .perturbed = true,
          .scalars = {{"noisy_loss", noisy_loss}}};
}

/// x_ = theta_j - w: of variance 1 / (M s).
void BayesSam::draw_noise(Objective& objective, std::int64_t shard) {
  const RandomKey key = objective.draw(streams_[static_cast<std::size_t>(shard)]);
  const double deviation = options_.noise ? 1.0 / std::sqrt(samples_) : 0.0;
  draw_normal(objective.arena(), key, deviation, x_);
  multiply(map(Unary::rsqrt, s_), x_);
}

void BayesSam::update(nn::ParameterArena& arena, const Tensor& rate, const Tensor& g) {
  const auto& [rho, b1, b2, gamma, prior_precision, data_factor, shards, noise] = options_;
  mix(1.0 - b1, g, b1, m_);
  add((1.0 - b1) * delta_, arena.home(), m_);               // m <- b1 m + (1-b1) (e + delta w)
  add(affine(rate, -1.0), quotient(m_, s_), arena.home());  // w <- w - eta m / s
  arena.refresh_home_copy();
  multiply(map(Unary::sqrt, s_), size_);  // sqrt(s) o |g|
  mix(1.0 - b2, size_, b2, s_);
  backend_of(s_).affine(s_, 1.0, (1.0 - b2) * (gamma + delta_), s_);
}

void BayesSam::visit_state(StateVisitor& visitor) {
  visitor.visit("bayes_sam/m", m_);
  visitor.visit("bayes_sam/s", s_);
}

RuleEntry bayes_sam_entry() {
  return {.name = "bayes_sam",
          .summary = "sam as variational Bayes: a precision a weight shapes noise, ascent and step",
          .paper = "Möllenhoff, Khan, ICLR 2023, arXiv 2210.01620",
          .parameters = {{"rho", "0.01", "factor of the ascent g / s"},
                         {"b1", "0.9", "what m keeps of itself a step"},
                         {"b2", "0.999", "what the precision s keeps of itself a step; 1 holds it"},
                         {"gamma", "0.1", "keeps the precision away from 0"},
                         {"prior_precision", "40", "of the weights, around 0"},
                         {"data_factor", "4", "how many samples one sample stands for"},
                         {"shards", "8", "parts of the batch, each with noise of its own"},
                         {"noise", "true", "false: the first look of a shard is at the weights"}},
          .cost_formula = "2 GE, as 2 passes over each shard",
          .cost =
              [](const Settings&, std::int64_t) {
                return RuleCost{.step = {.gradients = 2}, .kept = 2, .scratch = 2};
              },
          .needs =
              [](const Settings& settings) {
                return RuleNeeds{.training_set = true, .rows = settings.integer("shards")};
              },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}, {"b2", "0.9"}, {"shards", "3"}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<BayesSam>(
                    BayesSam::Options{.rho = settings.number("rho"),
                                      .b1 = settings.number("b1"),
                                      .b2 = settings.number("b2"),
                                      .gamma = settings.number("gamma"),
                                      .prior_precision = settings.number("prior_precision"),
                                      .data_factor = settings.number("data_factor"),
                                      .shards = settings.integer("shards"),
                                      .noise = settings.flag("noise")},
                    arena.device());
              }};
}

}  // namespace polder::optim
