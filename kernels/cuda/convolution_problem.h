#pragma once

#include <array>
#include <compare>
#include <string>

#include "polder/core/dtype.h"
#include "polder/core/shape.h"
#include "polder/kernels/backend.h"

namespace polder::kernels::cuda {

enum class ConvolutionPass : std::uint8_t { forward, input_gradient, weight_gradient };

/// All that the choice of a plan depends on: two convolutions with equal problems share a plan.
struct ConvolutionProblem {
  ConvolutionPass pass = ConvolutionPass::forward;
  DType dtype = DType::float32;
  std::array<std::int64_t, 4> x{}, w{}, y{};  // NHWC, OHWI, NHWC
  std::array<std::int64_t, 2> stride{}, padding{};
  bool tf32 = false;   // float32 factors may be rounded to TF32
  int alignment = 16;  // bytes to which all three arrays are aligned

  static ConvolutionProblem of(ConvolutionPass pass, DType dtype, const Shape& x, const Shape& w,
                               const Shape& y, const Window& window);
  std::int64_t multiply_adds() const { return y[0] * y[1] * y[2] * y[3] * w[1] * w[2] * w[3]; }
  auto operator<=>(const ConvolutionProblem&) const = default;
};

/// "conv2d float32 x [128, 32, 32, 64] w [64, 3, 3, 64] stride [1, 1] padding [1, 1]"
std::string to_string(const ConvolutionProblem& problem);

}  // namespace polder::kernels::cuda
