#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Agnostic-SAM: ascend on the training batch, descend a little on a validation batch, take the
/// training gradient there, so that the two agree. Nguyen, Tran, Truong, Do, Phung, Le 2024, arXiv
/// 2406.07107.
///
///   g_t = grad L_{B_t}(w);  w' = w + rho g_t / (||g_t|| + c)
///   g_v = grad L_{B_v} at w' (at = ascended) or at w (at = clean)
///   w'' = w' - kappa rho g_v / (||g_v|| + c);  G = grad L_{B_t}(w'')
///
/// The structure is known from a peer review; the evaluation point, the radii and the option
/// `momentum` (m_v <- b m_v + (1 - b) g_v in place of g_v) are our reconstruction. rho 0.05, kappa
/// 0.5, |B_v| = |B_t| / 2, all ours. 2 gradient evaluations and 1 of size |B_v| a step; scratch:
/// g_v; kept: m_v with momentum.
class AgnosticSam final : public RadiusRule {
 public:
  enum class At { ascended, clean };
  enum class Source { held_out, train };
  struct Options {
    double rho = 0.05;
    double kappa = 0.5;  // rho2 / rho1
    At at = At::ascended;
    Source source = Source::held_out;
    double share = 0.5;     // |B_v| / |B_t|
    double momentum = 0.0;  // b
  };

  /// Throws Error when kappa is negative, share outside (0, 1] or momentum outside [0, 1).
  explicit AgnosticSam(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  std::string_view inexact_because() const override {
    return options_.at == At::clean ? "" : "the second step starts where rho sends the first";
  }
  void visit_state(StateVisitor& visitor) override;

 private:
  Batch second_batch(Objective& objective, std::int64_t rows) const;
  void look_at_other(Objective& objective, const Batch& other);
  Ascent both_steps(const nn::ParameterArena& arena, const Ascent& first);

  Options options_;
  Tensor guide_;   // g_v, then the direction of both steps
  Tensor memory_;  // m_v
};

RuleEntry agnostic_sam_entry();

}  // namespace polder::optim
