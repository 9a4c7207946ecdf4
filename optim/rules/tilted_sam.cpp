#include "polder/optim/rules/tilted_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::Unary;

TiltedSam::TiltedSam(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(options.samples >= 1, "tilted_sam: samples is {}, want 1 or more", options.samples);
  for (const auto& [name, value] :
       {std::pair("tilt", options.tilt), std::pair("noise", options.noise),
        std::pair("scale", options.scale)})
    require(std::isfinite(value) && value >= 0.0, "tilted_sam: {} is {}, want a finite number >= 0",
            name, value);
  for (std::int64_t j = 0; j < options.samples; ++j)
    streams_.push_back(fmt::format("tilted_sam/noise/{}", j));
}

void TiltedSam::prepare(Objective& objective, const BaseOptimizer&) {
  noise_ = objective.arena().make_flat();
  sum_ = objective.arena().make_flat();
}

StepReport TiltedSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  Tilted tilted;
  for (std::int64_t j = 0; j < options_.samples; ++j) {
    const Tensor shrink = draw_noise(objective, j);
    Excursion away(objective, displace(arena, noise_, shrink));  // w + n
    if (options_.ascent) {
      objective.gradient(batch, g);
      const Ascent ascent = ascend(arena, g, radius());
      report.gradient_norm = ascent.norm;
      away.go_on(ascent);  // w_j
    }
    const Tensor loss = away.gradient(batch, g);  // l_j, g_j
    take_in(loss, g, tilted);
  }
  scale_by(map(Unary::reciprocal, tilted.weights), sum_);  // G = sum_j a_j g_j
  g.copy_from(sum_);
  report.perturbed_loss = quotient(tilted.losses, tilted.weights);
  return report;
}

/// n = min(1, r / ||n||) n: writes the noise, returns the factor.
Tensor TiltedSam::draw_noise(Objective& objective, std::int64_t j) {
  const RandomKey key = objective.draw(streams_[static_cast<std::size_t>(j)]);
  draw_normal(objective.arena(), key, options_.scale, noise_);
  const Tensor length = affine(norm(noise_), 1.0, 1e-12);
  const Device device = noise_.device();
  return smaller(constant(1.0, device), quotient(constant(options_.noise, device), length));
}

/// With a new maximum everything so far is worth less by exp(t (old - new)).
void TiltedSam::take_in(const Tensor& loss, const Tensor& g, Tilted& tilted) {
  if (!tilted.maximum.defined()) {
    tilted = {loss, constant(1.0, g.device()), loss};
    return sum_.copy_from(g);
  }
  const Tensor maximum = larger(tilted.maximum, loss);
  const auto weight_of = [&](const Tensor& l) {
    return map(Unary::exp, affine(difference(l, maximum), options_.tilt));
  };
  const Tensor old_weight = weight_of(tilted.maximum), new_weight = weight_of(loss);
  tilted.weights = sum(product(tilted.weights, old_weight), new_weight);
  tilted.losses = sum(product(tilted.losses, old_weight), product(loss, new_weight));
  tilted.maximum = maximum;
  mix(new_weight, g, old_weight, sum_);
}

RuleEntry tilted_sam_entry() {
  const auto read = [](const Settings& settings) {
    return TiltedSam::Options{.rho = settings.number("rho"),
                              .samples = settings.integer("samples"),
                              .tilt = settings.number("tilt"),
                              .noise = settings.number("noise"),
                              .scale = settings.number("scale"),
                              .ascent = settings.flag("ascent")};
  };
  return {.name = "tilted_sam",
          .summary = "several noisy ascents, their gradients weighted by their losses",
          .paper = "T. Li, Zhou, Bilmes, ICML 2025, arXiv 2410.22656",
          .parameters = {{"rho", "0.05", "radius of each ascent"},
                         {"samples", "3", "perturbations a step (s)"},
                         {"tilt", "1", "0: plain mean; large: the worst alone (t)"},
                         {"noise", "1", "largest length of the noise (r)"},
                         {"scale", "1", "deviation of the noise before it is shrunk"},
                         {"ascent", "true", "ascend from the noisy point"}},
          .cost_formula = "2 s GE (s without the ascent)",
          .cost =
              [](const Settings& settings, std::int64_t) {
                const double passes = settings.flag("ascent") ? 2.0 : 1.0;
                return RuleCost{.step = {.gradients = passes * settings.number("samples")},
                                .scratch = 2};
              },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}, {"tilt", "5"}, {"noise", "0.5"}},
          .identities = {{.settings = {{"samples", "1"}, {"noise", "0"}, {"ascent", "false"}},
                          .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"samples", "1"}, {"noise", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}},
                         {.settings = {{"rho", "0.1"}, {"samples", "3"}, {"noise", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}},
                          .tolerance = 1e-6}},
          .make =
              [read](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<TiltedSam>(read(settings), arena.device());
              }};
}

}  // namespace polder::optim
