#include "polder/optim/rules/m_sharp_sam.h"

#include "polder/optim/registry.h"

namespace polder::optim {
namespace {

/// total <- total + share x
void add(double share, const Tensor& x, Tensor& total) {
  kernels::backend_of(x).axpby(share, x, 1.0, total);
}

}  // namespace

MSharpSam::MSharpSam(std::int64_t m, double rho, Device device) : RadiusRule(rho, device), m_(m) {
  require(m > 0, "MSharpSam: m is {}, want at least one shard", m);
}

StepReport MSharpSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const std::int64_t n = batch.size();
  require(m_ <= n, "m_sharp_sam: m is {}, but the batch has only {} rows", m_, n);
  nn::ParameterArena& arena = objective.arena();
  if (!mean_.defined()) mean_ = arena.make_flat();
  kernels::backend_of(mean_).fill(0.0, mean_);
  const auto zero = [&] { return Tensor::zeros(Shape{}, DType::float64, arena.device()); };
  StepReport report{.loss = zero(),
                    .perturbed_loss = zero(),
                    .gradient_norm = zero(),
                    .radius = radius(),
                    .perturbed = true};
  for (std::int64_t j = 0; j < m_; ++j) {
    const Batch shard = batch.slice(j * n / m_, (j + 1) * n / m_);  // S_j
    const double share = static_cast<double>(shard.size()) / static_cast<double>(n);
    add(share, objective.gradient(shard, g), report.loss);  // g_j = grad L_{S_j}(w)
    const Ascent ascent = ascend(arena, g, radius());       // epsilon_j = rho g_j / (||g_j|| + c)
    add(share, ascent.norm, report.gradient_norm);
    Excursion away(objective, ascent);  // w + epsilon_j is active until the next shard
    add(share, away.gradient(shard, g, share), report.perturbed_loss);
    add(share, g, mean_);  // G += |S_j| / |B| grad L_{S_j}(w + epsilon_j)
  }
  g.copy_from(mean_);
  return report;
}

RuleEntry m_sharp_sam_entry() {
  return {
      .name = "m_sharp_sam",
      .summary = "one ascent for each of m shards of the batch, then the mean",
      .paper = "Behdin et al., 2022, arXiv 2212.04343",
      .parameters = {{"m", "4", "number of shards"}, {"rho", "0.05", "radius of each ball"}},
      .cost_formula = "2 GE, as 2 m passes over shards",
      .cost = [](const Settings&,
                 std::int64_t) { return RuleCost{.step = {.gradients = 2}, .scratch = 1}; },
      .needs = [](const Settings& settings) { return RuleNeeds{.rows = settings.integer("m")}; },
      .trial = {{"rho", "0.5"}},
      .identities = {{.settings = {{"rho", "0"}, {"m", "1"}}, .rule = "none"},
                     {.settings = {{"rho", "0.1"}, {"m", "1"}},
                      .rule = "sam",
                      .rule_settings = {{"rho", "0.1"}}}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<MSharpSam>(settings.integer("m"), settings.number("rho"),
                                               arena.device());
          }};
}

}  // namespace polder::optim
