#pragma once

#include "polder/nn/init.h"
#include "polder/nn/module.h"

namespace polder::nn {

struct LinearOptions {
  bool bias = true;
  init::Initialiser weight = init::kaiming_normal();
};

/// y = x w^T + b over the last axis: x [..., in] -> [..., out]. Weight [out, in]; bias [out] starts
/// at zero. Throws Error naming the layer when the last axis of x is not `in`.
class Linear final : public Module {
 public:
  Linear(const Build& build, std::int64_t in, std::int64_t out, const LinearOptions& options = {});
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  Variable weight_, bias_;
};

}  // namespace polder::nn
