#pragma once

#include "polder/kernels/backend.h"
#include "polder/nn/module.h"

namespace polder::nn {

using kernels::Window;

/// A window of side x side.
constexpr Window square_window(std::int64_t side, std::int64_t stride, std::int64_t padding = 0) {
  return {side, side, stride, stride, padding, padding};
}

/// Largest value of each window: x [N, H, W, C] -> [N, Ho, Wo, C]. Padding never wins.
/// Throws Error naming the layer when x has not four axes.
class MaxPool final : public Module {
 public:
  MaxPool(const Build& build, Window window) : label_(build.label("MaxPool")), window_(window) {}
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  Window window_;
};

/// Mean over the whole window area, padding counted as zero: x [N, H, W, C] -> [N, Ho, Wo, C].
class AveragePool final : public Module {
 public:
  AveragePool(const Build& build, Window window)
      : label_(build.label("AveragePool")), window_(window) {}
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  Window window_;
};

/// Mean over H and W: x [N, H, W, C] -> [N, C].
class GlobalAveragePool final : public Module {
 public:
  explicit GlobalAveragePool(const Build& build) : label_(build.label("GlobalAveragePool")) {}
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
};

/// x [n, ...] -> [n, product of the rest].
class Flatten final : public Module {
 public:
  explicit Flatten(const Build& build) : label_(build.label("Flatten")) {}
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
};

}  // namespace polder::nn
