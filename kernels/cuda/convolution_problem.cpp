#include "polder/kernels/cuda/convolution_problem.h"

#include <fmt/ranges.h>

namespace polder::kernels::cuda {
namespace {

std::array<std::int64_t, 4> axes(const Shape& shape) {
  return {shape[0], shape[1], shape[2], shape[3]};
}

const char* name_of(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::forward:
      return "conv2d";
    case ConvolutionPass::input_gradient:
      return "conv2d_input_gradient";
    case ConvolutionPass::weight_gradient:
      return "conv2d_weight_gradient";
  }
  return "";
}

}  // namespace

ConvolutionProblem ConvolutionProblem::of(ConvolutionPass pass, DType dtype, const Shape& x,
                                          const Shape& w, const Shape& y, const Window& window) {
  return {.pass = pass,
          .dtype = dtype,
          .x = axes(x),
          .w = axes(w),
          .y = axes(y),
          .stride = {window.stride_h, window.stride_w},
          .padding = {window.padding_h, window.padding_w}};
}

std::string to_string(const ConvolutionProblem& p) {
  const std::string aligned = p.alignment == 16 ? "" : fmt::format(" aligned to {}", p.alignment);
  return fmt::format("{} {}{} x {} w {} stride {} padding {}{}", name_of(p.pass), p.dtype,
                     p.tf32 ? " (tf32)" : "", p.x, p.w, p.stride, p.padding, aligned);
}

}  // namespace polder::kernels::cuda
