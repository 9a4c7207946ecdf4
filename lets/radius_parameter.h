#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "polder/core/state.h"
#include "polder/core/tensor.h"

namespace polder::lets {

/// How rho stays positive. `log`: rho = rho0 exp(nu), nu = 0 at the start, so that rho0 is met
/// exactly; `clipped`: steps on rho itself, held inside [rho_min, rho_max].
enum class Parametrisation { log, clipped };
std::string_view to_string(Parametrisation parametrisation);
/// Throws Error naming the nearest known one.
Parametrisation parse_parametrisation(const std::string& name);

/// What moves the parameter along the hypergradient.
enum class UpperOptimizer { adam, sgd };
std::string_view to_string(UpperOptimizer optimizer);
/// Throws Error naming the nearest known one.
UpperOptimizer parse_upper_optimizer(const std::string& name);

struct RadiusOptions {
  Parametrisation parametrisation = Parametrisation::log;
  UpperOptimizer optimizer = UpperOptimizer::adam;
  double learning_rate = 1e-3;  // lr_nu; Adam moves nu by about this much a step; 0 holds rho
  double rho_min = 1e-5, rho_max = 1e2;
};

/// The learned radius: one positive number, or one per segment, and the optimizer that moves it.
///
///   log:      nu  <- nu - lr_nu Update(rho dJ/drho),  rho = rho0 exp(nu)
///   clipped:  rho <- rho - lr_nu Update(dJ/drho)
///
/// Update is the slope itself (sgd) or Adam's m^ / (sqrt(v^) + 1e-12) with rates 0.9 and 0.999; the
/// usual 1e-8 would silence a slope this small. The parameter is clamped so that rho stays inside
/// [rho_min, rho_max] (to rounding). Everything lives on the device; a descent reads nothing back.
/// All of this is our reconstruction: the paper's abstract names no parametrisation or rates.
class RadiusParameter {
 public:
  /// `initial`: rho0, float64, 0-d or [segments]. Throws Error when the learning rate is negative
  /// or not finite, when 0 < rho_min < rho_max does not hold, or when rho0 is not between them.
  RadiusParameter(const Tensor& initial, const RadiusOptions& options);

  /// rho, always the same memory: a rule that holds it follows.
  const Tensor& radius() const { return rho_; }

  /// One step along dJ/drho (the radius's shape). Leaves everything but the count of skips alone
  /// when that would make anything infinite or NaN.
  void descend(const Tensor& hypergradient);

  /// How often a radius was held back by rho_min or rho_max, and how many descents were skipped.
  /// Read from the device.
  std::int64_t clamp_hits() const;
  std::int64_t skipped() const;

  void visit_state(StateVisitor& visitor);

 private:
  /// The state as parts of one tensor, so that a descent is taken or left as a whole.
  struct Parts {
    Parts(const Tensor& state, const Shape& shape);
    Tensor rho, position;   // position: nu, or rho itself
    Tensor first, second;   // Adam's moments
    Tensor decay1, decay2;  // 0.9^k, 0.999^k
    Tensor clamp_hits;
  };

  Tensor optimizer_step(Parts& next, const Tensor& slope) const;
  void move(Parts& next, const Tensor& step) const;

  RadiusOptions options_;
  Tensor rho0_, lowest_, highest_;  // bounds of the position
  Tensor state_, rho_;
  Tensor skipped_;
};

}  // namespace polder::lets
