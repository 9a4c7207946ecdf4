#include "polder/optim/base_optimizer.h"

#include <cmath>

#include "polder/core/text.h"
#include "polder/optim/adam.h"
#include "polder/optim/amsgrad.h"
#include "polder/optim/sgd.h"

namespace polder::optim {

BaseOptimizer::BaseOptimizer(nn::ParameterArena& arena)
    : arena_(arena), rate_(Tensor::scalar(0.0, arena.device())) {}

void BaseOptimizer::set_rate(double rate) {
  require(std::isfinite(rate) && rate >= 0.0,
          "set_rate: learning rate is {}, want a finite number >= 0", rate);
  rate_.write(std::span<const double>(&rate, 1));
}

void BaseOptimizer::visit_state(StateVisitor& visitor) { visitor.visit("steps", steps_); }

void BaseOptimizer::advance(const Tensor& g) {
  const Tensor& home = arena_.home();
  require(g.defined() && g.shape() == home.shape() && g.dtype() == home.dtype(),
          "step: gradient is {} {}, the arena's weights are {} {}", g.dtype(), g.shape(),
          home.dtype(), home.shape());
  require(arena_.at_home(), "step: the weights are away from home, end the excursion first");
  ++steps_;
}

void BaseOptimizer::require_stepped() const {
  require(steps_ > 0, "apply_derivative: no step was made yet");
}

const Tensor& BaseOptimizer::momentum() const {
  fail("momentum: this base optimizer keeps no momentum");
}

std::vector<std::string> base_optimizer_names() { return {"sgd", "adam", "adamw", "amsgrad"}; }

std::unique_ptr<BaseOptimizer> make_base_optimizer(const std::string& name,
                                                   const BaseOptions& options,
                                                   nn::ParameterArena& arena) {
  if (name == "sgd")
    return std::make_unique<Sgd>(arena, SgdOptions{options.momentum, options.dampening,
                                                   options.weight_decay, options.nesterov});
  if (name == "adam" || name == "adamw")
    return std::make_unique<Adam>(arena, AdamOptions{options.beta1, options.beta2, options.epsilon,
                                                     options.weight_decay, name == "adamw"});
  if (name == "amsgrad")
    return std::make_unique<Amsgrad>(
        arena, AmsgradOptions{options.beta1, options.beta2, options.epsilon, options.weight_decay});
  const std::vector<std::string> known = base_optimizer_names();
  fail("base optimizer '{}' is unknown, did you mean '{}'? (known: {})", name,
       nearest_name(name, known), join(known));
}

}  // namespace polder::optim
