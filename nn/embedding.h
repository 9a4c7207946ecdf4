#pragma once

#include "polder/nn/init.h"
#include "polder/nn/module.h"

namespace polder::nn {

/// A row of a table per index: x int64 [...] in [0, count) -> [..., width]. Table [count, width].
/// Throws Error naming the layer when x is not int64.
class Embedding final : public Module {
 public:
  Embedding(const Build& build, std::int64_t count, std::int64_t width,
            const init::Initialiser& table = init::normal(0.0, 1.0));
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  Variable table_;
};

}  // namespace polder::nn
