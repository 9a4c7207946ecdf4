#pragma once

#include "polder/nn/init.h"
#include "polder/nn/module.h"

namespace polder::nn {

/// An elementwise function and the scheme that keeps the variance of signals through it.
struct ActivationFunction {
  Variable (*apply)(const Variable& x) = nullptr;
  init::Initialiser weight;  // for the layer before it: He for relu and gelu, else Glorot
};

/// "relu", "gelu", "tanh" or "sigmoid". Throws Error naming the nearest.
ActivationFunction activation_named(std::string_view name);

/// y = f(x) as a layer.
class Activation final : public Module {
 public:
  Activation(const Build& build, std::string_view name);
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  Variable (*apply_)(const Variable& x);
};

}  // namespace polder::nn
