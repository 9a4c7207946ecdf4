#pragma once

#include <cstdint>

#include "polder/autograd/variable.h"

namespace polder::autograd {

/// What a Variable points at: a value, and for the result of a function the record of how it came
/// to be. Private to autograd.
struct Variable::Node {
  explicit Node(Tensor initial);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Tensor value;
  std::uint64_t stamp;  // when `value` was set: an input newer than a result was rebound since
  bool requires_grad = false;
  bool freed = false;  // had a record once
  Variables inputs;
  GradientFunction gradient;
};

}  // namespace polder::autograd
