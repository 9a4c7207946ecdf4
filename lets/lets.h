#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "polder/optim/registry.h"
#include "polder/optim/rule.h"

namespace polder::lets {

/// How the Hessian-vector product H(w + epsilon) u inside the hypergradient is obtained.
enum class Curvature { exact, finite_difference, secant, squared_gradient };
std::string_view to_string(Curvature curvature);
/// Throws Error naming the nearest known way.
Curvature parse_curvature(const std::string& name);

/// How rho stays positive: rho = rho0 exp(nu), or clamped steps on rho itself.
enum class Parametrisation { log, clipped };
enum class UpperOptimizer { adam, sgd };

/// Defaults are our reconstruction, not the paper's.
struct LetsOptions {
  Curvature curvature = Curvature::exact;
  Parametrisation parametrisation = Parametrisation::log;
  UpperOptimizer optimizer = UpperOptimizer::adam;
  double learning_rate = 1e-3;    // lr_nu
  std::int64_t update_every = 1;  // q_every: an upper step every so many steps
  bool per_segment = false;       // one radius per segment
  double rho_min = 1e-5, rho_max = 1e2;
  bool allow_inexact = false;  // accept rules or base optimizers without an exact derivative
};

/// Learns the radius of a wrapped rule by gradient descent on the squared gap between validation
/// and training loss, through one unrolled step. Wang, Jiang, Fu, Zhang, ECML-PKDD 2024, arXiv
/// 2408.08222; see docs/methods/lets.md for what is our reconstruction.
///
///   J(rho) = 1/2 (L_vl(w+) - L_tr(w+))^2,  w+ = w - eta Update(grad L_tr(w + rho u))
///   dJ/drho = -eta (L_vl - L_tr) < grad L_vl(w+) - grad L_tr(w+), D A H(w + rho u) u >
///
/// D = d Update / d G of the base optimizer, A the wrapped rule's map (RadiusRule::map_tangent).
/// The new rho acts from the next step.
class Lets final : public optim::Rule, private optim::ExcursionObserver {
 public:
  Lets(std::unique_ptr<optim::RadiusRule> wrapped, LetsOptions options, nn::ParameterArena& arena);

  optim::StepReport gradient(optim::Objective& objective, const Batch& batch, Tensor& g) override;
  void after_update(optim::Objective& objective, const Batch& batch,
                    const optim::BaseOptimizer& base, const Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

  /// dJ/drho of the last upper step: 0-d float64, or [segments]; undefined before the first.
  const Tensor& hypergradient() const { return hypergradient_; }
  const Tensor& radius() const { return wrapped_->radius(); }
  const LetsOptions& options() const { return options_; }
  /// Steps on which rho was held back by rho_min or rho_max.
  std::int64_t clamp_hits() const { return clamp_hits_; }

 private:
  void arrived(optim::Excursion& excursion, const Batch& rows, double share) override;
  void looked(optim::Excursion& excursion, const Batch& rows, double share,
              const Tensor& g) override;

  std::unique_ptr<optim::RadiusRule> wrapped_;
  LetsOptions options_;
  Tensor hypergradient_;
  std::int64_t clamp_hits_ = 0;
  // ... the author of lets.cpp completes this section.
};

/// Adds lets_<name> for every rule with a radius: lets_sam, lets_asam, lets_m_sharp_sam.
void add_rules(optim::RuleRegistry& registry);

}  // namespace polder::lets
