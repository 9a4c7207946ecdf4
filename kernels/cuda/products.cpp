#include "polder/kernels/cuda/products.h"

#include <cublasLt.h>

#include <limits>
#include <source_location>
#include <type_traits>

#include "polder/core/error.h"
#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/place.h"

namespace polder::kernels::cuda {
namespace {

void check(cublasStatus_t code, std::source_location where = std::source_location::current()) {
  if (code == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail("cublas: {} at {}", cublasLtGetStatusString(code), place(where));
}

/// An object of cuBLASLt, owned.
template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    static_cast<void>(destroy(object));
  }
};
template <class Pointer, auto destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Pointer>, Destroy<destroy>>;
using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

/// What NVIDIA advises for Hopper; an algorithm takes what it needs of it.
constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return CUDA_R_32F;
    case DType::float64:
      return CUDA_R_64F;
    case DType::bfloat16:
      return CUDA_R_16BF;
    case DType::int64:
      break;
  }
  fail("matmul: element type {}, wanted a floating type", dtype);
}

Operation operation_of(const ProductProblem& p) {
  cublasLtMatmulDesc_t raw = nullptr;
  if (p.factors == DType::float64)
    check(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_64F, CUDA_R_64F));
  else
    check(cublasLtMatmulDescCreate(&raw, p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                                   CUDA_R_32F));
  Operation operation(raw);
  // b comes first: see Plan.
  const cublasOperation_t first = p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  check(cublasLtMatmulDescSetAttribute(raw, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
  check(cublasLtMatmulDescSetAttribute(raw, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
  return operation;
}

/// A stack of row-major [rows, columns] arrays, which cuBLASLt reads as columns x rows.
Layout layout_of(DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t batches) {
  cublasLtMatrixLayout_t raw = nullptr;
  check(cublasLtMatrixLayoutCreate(&raw, data_type(dtype), static_cast<std::uint64_t>(columns),
                                   static_cast<std::uint64_t>(rows), columns));
  Layout layout(raw);
  require(batches <= std::numeric_limits<std::int32_t>::max(), "matmul: {} batches are too many",
          batches);
  const auto count = static_cast<std::int32_t>(batches);
  const std::int64_t stride = rows * columns;
  check(cublasLtMatrixLayoutSetAttribute(raw, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                         sizeof count));
  check(cublasLtMatrixLayoutSetAttribute(raw, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                         sizeof stride));
  return layout;
}

Preference preference_of(const ProductProblem& p) {
  cublasLtMatmulPreference_t raw = nullptr;
  check(cublasLtMatmulPreferenceCreate(&raw));
  Preference preference(raw);
  const auto set = [raw](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(raw, name, &value, sizeof value));
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // The parts of a sum that was cut are added in the type of the sum, in workspace.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(p.alignment_b));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(p.alignment_a));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(p.alignment_y));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(p.alignment_y));
  return preference;
}

}  // namespace

std::string to_string(const ProductProblem& p) {
  return fmt::format("matmul {} to {}{} [{}, {}] x [{}, {}], {} batches{}{}", p.factors, p.result,
                     p.tf32 ? " (tf32)" : "", p.m, p.k, p.k, p.n, p.batches,
                     p.transpose_a ? ", a transposed" : "", p.transpose_b ? ", b transposed" : "");
}

struct Products::Library {
  cublasLtHandle_t handle = nullptr;
  Library() { check(cublasLtCreate(&handle)); }
  ~Library() { static_cast<void>(cublasLtDestroy(handle)); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

/// cuBLASLt is column-major: it reads our arrays as their transposes. y^T = op(b)^T op(a)^T, so b
/// is its first factor and a its second, and op stays what it was.
struct Products::Plan {
  Operation operation;
  Layout a, b, y;
  cublasLtMatmulHeuristicResult_t choice{};

  Plan(cublasLtHandle_t handle, const ProductProblem& p)
      : operation(operation_of(p)),
        a(layout_of(p.factors, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.batches)),
        b(layout_of(p.factors, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.batches)),
        y(layout_of(p.result, p.m, p.n, p.batches)) {
    int found = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle, operation.get(), b.get(), a.get(), y.get(),
                                         y.get(), preference_of(p).get(), 1, &choice, &found));
    require(found == 1, "cublas: no algorithm");
    check(choice.state);
  }

  void run(cublasLtHandle_t handle, bool float64, const void* a_data, const void* b_data,
           void* y_data, void* workspace, cudaStream_t stream) const {
    const double one = 1.0, zero = 0.0;
    const float one_float = 1.0F, zero_float = 0.0F;
    const void* alpha = float64 ? static_cast<const void*>(&one) : &one_float;
    const void* beta = float64 ? static_cast<const void*>(&zero) : &zero_float;
    check(cublasLtMatmul(handle, operation.get(), alpha, b_data, b.get(), a_data, a.get(), beta,
                         y_data, y.get(), y_data, y.get(), &choice.algo, workspace,
                         choice.workspaceSize, stream));
  }
};

Products::Products(Runtime& runtime, Workspace& workspace)
    : runtime_(runtime), workspace_(workspace) {}

Products::~Products() = default;

Products::Plan& Products::plan_of(const ProductProblem& problem) {
  std::unique_ptr<Plan>& plan = plans_[problem];
  if (plan == nullptr) plan = std::make_unique<Plan>(library_->handle, problem);
  return *plan;
}

void Products::run(const ProductProblem& problem, const void* a, const void* b, void* y) {
  try {
    check(cudaSetDevice(runtime_.index()));
    if (library_ == nullptr) library_ = std::make_unique<Library>();
    const Plan& plan = plan_of(problem);
    plan.run(library_->handle, problem.factors == DType::float64, a, b, y,
             workspace_.at_least(plan.choice.workspaceSize),
             static_cast<cudaStream_t>(runtime_.stream()));
  } catch (const Error& error) {
    fail("{}: {}", to_string(problem), error.what());
  }
}

}  // namespace polder::kernels::cuda
