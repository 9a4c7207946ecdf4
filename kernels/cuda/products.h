#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>

#include "polder/core/dtype.h"
#include "polder/kernels/cuda/runtime.h"
#include "polder/kernels/cuda/workspace.h"

namespace polder::kernels::cuda {

/// y = op(a) op(b), batch by batch, row-major: all that the choice of an algorithm depends on.
struct ProductProblem {
  std::int64_t m = 0, n = 0, k = 0, batches = 1;
  bool transpose_a = false, transpose_b = false;
  DType factors = DType::float32, result = DType::float32;
  bool tf32 = false;  // float32 factors may be rounded to TF32
  int alignment_a = 16, alignment_b = 16, alignment_y = 16;  // bytes

  auto operator<=>(const ProductProblem&) const = default;
};

/// "matmul float32 [64, 128] x [128, 10], b transposed"
std::string to_string(const ProductProblem& problem);

/// Products by cuBLASLt on one card. The algorithm of each problem is its heuristic's first choice,
/// asked for once. Sums have one order: same bits, run after run. For one host thread at a time.
class Products {
 public:
  Products(Runtime& runtime, Workspace& workspace);
  ~Products();

  /// Computes on the card's stream. Sizes are positive. Throws Error naming the problem.
  void run(const ProductProblem& problem, const void* a, const void* b, void* y);

 private:
  struct Library;
  struct Plan;
  Plan& plan_of(const ProductProblem& problem);

  Runtime& runtime_;
  Workspace& workspace_;
  std::unique_ptr<Library> library_;  // opened by the first product
  std::map<ProductProblem, std::unique_ptr<Plan>> plans_;
};

}  // namespace polder::kernels::cuda
