#include "polder/optim/rules/delta_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;
using kernels::Unary;

namespace {

/// ||grad l_i(w)|| [n] of every row, one after the other. g is scratch.
Tensor gradient_norms(Objective& objective, const Batch& batch, Tensor& g) {
  const std::int64_t n = batch.size();
  Tensor norms = Tensor::empty({n}, DType::float64, g.device());
  for (std::int64_t i = 0; i < n; ++i) {
    Tensor only = Tensor::zeros({n}, g.dtype(), g.device());
    Tensor row = only.slice(i, i + 1);
    backend_of(row).fill(1.0, row);
    objective.gradient(batch, g,
                       {.weight = static_cast<double>(n),
                        .move_statistics = false,
                        .row_weights = [&](const Tensor&) { return only; }});
    norms.slice(i, i + 1).copy_from(norm(g).reshape({1}));
  }
  return norms;
}

}  // namespace

DeltaSam::DeltaSam(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(std::isfinite(options.mu) && options.mu > 0.0,
          "delta_sam: mu is {}, want a finite number > 0", options.mu);
  require(options.draws >= 1, "delta_sam: draws is {}, want 1 or more", options.draws);
  require(options.omega_max >= 1.0, "delta_sam: omega_max is {}, want a number >= 1",
          options.omega_max);
  const std::int64_t draws = options.score == Score::curvature ? 1 : options.draws;
  for (std::int64_t k = 0; k < draws; ++k) streams_.push_back(fmt::format("delta_sam/noise/{}", k));
}

StepReport DeltaSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  const std::vector<Tensor> around = losses_around(objective, batch, g);  // l_i(w + mu z_k)
  PassOptions weighted;
  if (options_.score != Score::uniform)
    weighted.row_weights = [&](const Tensor& losses) {
      return omega_ = weigh(hardness(around, losses), arena.dtype());
    };
  report.loss = objective.gradient(batch, g, weighted);  // g_w
  Ascent ascent = ascend(arena, g, radius());            // epsilon = rho g_w / (||g_w|| + c)
  if (weighted.row_weights) ascent.clean = {};           // g_w is not the gradient of L_B
  Excursion away(objective, ascent);                     // w + epsilon is active
  PassOptions second;
  if (options_.reweight == Reweight::both && weighted.row_weights)
    second.row_weights = [this](const Tensor&) { return omega_; };
  report.perturbed_loss = away.gradient(batch, g, 1.0, second);  // G
  report.gradient_norm = ascent.norm;
  return report;
}

/// What `hardness` needs beside l_i(w), in float64: before the weighted gradient, so that its
/// buffer can hold the noise.
std::vector<Tensor> DeltaSam::losses_around(Objective& objective, const Batch& batch,
                                            Tensor& z) const {
  if (options_.score == Score::uniform) return {};
  if (options_.score == Score::exact) return {gradient_norms(objective, batch, z)};
  const nn::ParameterArena& arena = objective.arena();
  const PassOptions still{.move_statistics = false};
  const Tensor distance = constant(options_.mu, arena.device());
  std::vector<Tensor> around;
  for (const std::string& stream : streams_) {
    draw_normal(arena, objective.draw(stream), 1.0, z);
    const Ascent ahead = displace(arena, z, distance);
    Excursion away(objective, ahead);  // w + mu z_k
    around.push_back(wide(objective.losses(batch, still)));
    if (options_.score != Score::curvature) continue;
    away.jump(opposite(ahead));  // w - mu z
    around.push_back(wide(objective.losses(batch, still)));
  }
  return around;
}

/// q_i
Tensor DeltaSam::hardness(const std::vector<Tensor>& around, const Tensor& losses) const {
  if (options_.score == Score::exact) return around[0];
  const Tensor here = wide(losses);
  const double scale = 1.0 / options_.mu;
  if (options_.score == Score::curvature) {
    const Tensor bend = difference(sum(around[0], around[1]), affine(here, 2.0));
    return affine(map(Unary::abs, bend), scale * scale);
  }
  Tensor squares;
  for (const Tensor& there : around) {
    const Tensor square = map(Unary::square, affine(difference(there, here), scale));
    squares = squares.defined() ? sum(squares, square) : square;
  }
  return map(Unary::sqrt, affine(squares, 1.0 / static_cast<double>(around.size())));
}

/// omega from q
Tensor DeltaSam::weigh(const Tensor& hardness, DType dtype) const {
  const Device device = hardness.device();
  const auto n = static_cast<double>(hardness.numel());
  const Tensor whole = total(hardness);
  const Tensor relative = affine(quotient(hardness, whole), n);
  const Tensor capped = smaller(relative, constant(options_.omega_max, device));
  const Tensor rescaled = product(capped, quotient(constant(n, device), total(capped)));
  Tensor omega = affine(hardness, 0.0);
  backend_of(omega).fill(1.0, omega);
  assign_if(positive(whole), rescaled, omega);
  Tensor narrow = Tensor::empty(omega.shape(), dtype, device);
  backend_of(omega).cast(omega, narrow);
  return narrow;
}

std::string_view DeltaSam::inexact_because() const {
  return options_.reweight == Reweight::both ? "its second gradient weighs the samples" : "";
}

namespace {

DeltaSam::Options read_options(const Settings& settings) {
  using Score = DeltaSam::Score;
  using Reweight = DeltaSam::Reweight;
  return {.rho = settings.number("rho"),
          .mu = settings.number("mu"),
          .draws = settings.integer("draws"),
          .omega_max = settings.number("omega_max"),
          .score = settings.choice<Score>("score", {{"gradient_norm", Score::gradient_norm},
                                                    {"curvature", Score::curvature},
                                                    {"exact", Score::exact},
                                                    {"uniform", Score::uniform}}),
          .reweight = settings.choice<Reweight>(
              "reweight", {{"perturbation", Reweight::perturbation}, {"both", Reweight::both}})};
}

RuleCost cost_of_step(const Settings& settings, std::int64_t rows) {
  RuleCost cost{.step = {.gradients = 2.0}};
  const std::string& score = settings.text("score");
  if (score == "gradient_norm") cost.step.forwards = settings.number("draws");
  if (score == "curvature") cost.step.forwards = 2.0;
  if (score == "exact") cost.step.gradients += static_cast<double>(rows);
  return cost;
}

}  // namespace

RuleEntry delta_sam_entry() {
  return {.name = "delta_sam",
          .summary = "one ascent for the batch in which harder samples weigh more",
          .paper = "Zhou, Liu, Zhang, Chen, Findings of EMNLP 2022, arXiv 2112.08772",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"mu", "0.001", "deviation of the noise that measures hardness"},
                         {"draws", "3", "noisy forward passes (gradient_norm)"},
                         {"omega_max", "4", "largest weight of a sample, before they are rescaled"},
                         {"score", "gradient_norm",
                          "hardness of a sample: gradient_norm, curvature, exact, uniform"},
                         {"reweight", "perturbation",
                          "which gradients are weighted: perturbation, both"}},
          .cost_formula = "2 GE, 3 F (curvature 2 F, exact |B| GE)",
          .cost = cost_of_step,
          .trial = {{"rho", "0.5"}, {"omega_max", "2"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"score", "uniform"}, {"reweight", "both"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make = [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<DeltaSam>(read_options(settings), arena.device());
          }};
}

}  // namespace polder::optim
