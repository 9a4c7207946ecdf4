#include "polder/nn/activation.h"

#include "polder/autograd/functions.h"
#include "polder/core/text.h"

namespace polder::nn {

ActivationFunction activation_named(std::string_view name) {
  if (name == "relu") return {autograd::relu, init::kaiming_normal()};
  if (name == "gelu") return {autograd::gelu, init::kaiming_normal()};
  if (name == "tanh") return {autograd::tanh, init::xavier_uniform()};
  if (name == "sigmoid") return {autograd::sigmoid, init::xavier_uniform()};
  fail("activation: unknown name \"{}\", nearest is \"{}\"", name,
       nearest_name(name, {"relu", "gelu", "tanh", "sigmoid"}));
}

Activation::Activation(const Build&, std::string_view name)
    : apply_(activation_named(name).apply) {}

Variable Activation::forward(const Variable& x, Pass&) { return apply_(x); }

}  // namespace polder::nn
