#pragma once

#include "polder/nn/module.h"

namespace polder::nn {

/// y = x / (1 - rate) where kept, else 0, in training passes with dropout; y = x otherwise.
/// The mask is a function of the pass's key, the layer's place in the pass, the row's id in the
/// whole batch and the element: the same key replays it, also on a subset of the rows.
/// Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, JMLR 2014 (inverted scaling).
/// Throws Error unless 0 <= rate < 1.
class Dropout final : public Module {
 public:
  Dropout(const Build& build, double rate);
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  double rate_;
};

}  // namespace polder::nn
