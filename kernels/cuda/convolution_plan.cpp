#include "polder/kernels/cuda/convolution_plan.h"

#include <algorithm>
#include <array>

#include "polder/core/error.h"

namespace polder::kernels::cuda {
namespace {

// ---- the problem as cuDNN's graph of one operation ---------------------------------------------

enum ArrayId : std::int64_t { kX = 1, kW = 2, kY = 3 };

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return CUDNN_DATA_FLOAT;
    case DType::float64:
      return CUDNN_DATA_DOUBLE;
    case DType::bfloat16:
      return CUDNN_DATA_BFLOAT16;
    case DType::int64:
      break;
  }
  fail("conv2d: element type {}, wanted a floating type", dtype);
}

/// cuDNN names the axes N, C, H, W (O, I, H, W), whatever their order in memory is.
Descriptor array_of(ArrayId id, const std::array<std::int64_t, 4>& nhwc,
                    const ConvolutionProblem& problem) {
  const auto [n, h, w, c] = nhwc;
  const std::array<std::int64_t, 4> dimensions{n, c, h, w};
  const std::array<std::int64_t, 4> strides{h * w * c, 1, w * c, c};
  Descriptor array(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  array.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, std::int64_t{id});
  array.set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(problem.dtype));
  array.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(dimensions));
  array.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides));
  array.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{problem.alignment});
  array.finalize();
  return array;
}

Descriptor geometry_of(const ConvolutionProblem& problem) {
  const std::array<std::int64_t, 2> dilation{1, 1};
  Descriptor geometry(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  geometry.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  geometry.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
               problem.dtype == DType::float64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT);
  geometry.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  geometry.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const std::int64_t>(dilation));
  geometry.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
               std::span<const std::int64_t>(problem.stride));
  geometry.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<const std::int64_t>(problem.padding));
  geometry.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
               std::span<const std::int64_t>(problem.padding));
  geometry.finalize();
  return geometry;
}

/// What the three operations call their attributes.
struct OperationNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t geometry, x, w, y, alpha, beta;
};

OperationNames names_of(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case ConvolutionPass::input_gradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case ConvolutionPass::weight_gradient:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

Descriptor operation_of(const ConvolutionProblem& problem) {
  const OperationNames names = names_of(problem.pass);
  Descriptor operation(names.type);
  operation.set(names.geometry, geometry_of(problem));
  operation.set(names.x, array_of(kX, problem.x, problem));
  operation.set(names.w, array_of(kW, problem.w, problem));
  operation.set(names.y, array_of(kY, problem.y, problem));
  if (problem.dtype == DType::float64) {
    operation.set(names.alpha, 1.0);
    operation.set(names.beta, 0.0);
  } else {
    operation.set(names.alpha, 1.0F);
    operation.set(names.beta, 0.0F);
  }
  operation.finalize();
  return operation;
}

/// The graph, or nothing when cuDNN does not know such an operation at all.
std::optional<Descriptor> graph_of(const ConvolutionProblem& problem, const PlanTarget& target) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  target.bind_graph(graph);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation_of(problem));
  if (!graph.finalize_if_supported()) return std::nullopt;
  return graph;
}

// ---- engines -----------------------------------------------------------------------------------

template <class T>
bool holds(const std::vector<T>& values, T wanted) {
  return std::find(values.begin(), values.end(), wanted) != values.end();
}

/// Notes of an engine that rule it out. Tensor cores multiply float32 as TF32 at best; transforms
/// of Winograd and Fourier lose a few bits more than the sum itself.
bool is_admitted(const std::vector<cudnnBackendNumericalNote_t>& notes,
                 const ConvolutionProblem& problem) {
  std::vector<cudnnBackendNumericalNote_t> refused{
      CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION};
  if (problem.dtype == DType::float32 && !problem.tf32)
    refused.insert(refused.end(),
                   {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                    CUDNN_NUMERICAL_NOTE_FFT, CUDNN_NUMERICAL_NOTE_WINOGRAD});
  return std::none_of(refused.begin(), refused.end(),
                      [&](cudnnBackendNumericalNote_t note) { return holds(notes, note); });
}

std::string name_of(const Descriptor& engine, const Descriptor& config) {
  std::string name =
      fmt::format("{}", engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX).at(0));
  // Asked for their number, configurations answer 0.
  for (const Descriptor& knob :
       config.get_objects(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
                          CUDNN_KNOB_TYPE_COUNTS))
    name += fmt::format(
        " {}={}",
        static_cast<int>(knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE).at(0)),
        knob.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE).at(0));
  return name;
}

std::vector<Descriptor> configurations(const Descriptor& graph, const PlanTarget& target,
                                       cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  target.bind_heuristics(heuristics);
  if (!heuristics.finalize_if_supported()) return {};
  return heuristics.get_objects(
      CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
      heuristics.count(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR));
}

}  // namespace

std::vector<Engine> engines_of(const ConvolutionProblem& problem, const PlanTarget& target) {
  const std::optional<Descriptor> graph = graph_of(problem, target);
  std::vector<Engine> engines;
  if (!graph) return engines;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
    for (Descriptor& config : configurations(*graph, target, mode)) {
      const Descriptor engine = std::move(
          config.get_objects(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1)
              .at(0));
      if (!is_admitted(engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE),
                       problem))
        continue;
      const bool compiled =
          holds(engine.get<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE),
                CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
      engines.push_back({name_of(engine, config), std::move(config), compiled});
    }
  return engines;
}

// ---- plans -------------------------------------------------------------------------------------

ConvolutionPlan::ConvolutionPlan(Descriptor plan)
    : plan_(std::move(plan)),
      workspace_bytes_(static_cast<std::size_t>(
          plan_.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE).at(0))) {}

std::optional<ConvolutionPlan> ConvolutionPlan::of(const Engine& engine, const PlanTarget& target) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine.config);
  target.bind_plan(plan);
  if (!plan.finalize_if_supported()) return std::nullopt;
  return ConvolutionPlan(std::move(plan));
}

void ConvolutionPlan::run(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const {
  const std::array<std::int64_t, 3> ids{kX, kW, kY};
  const std::array<void*, 3> arrays{x, w, y};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(ids));
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(arrays));
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  pack.finalize();
  check(cudnnBackendExecute(handle, plan_.raw(), pack.raw()));
}

// ---- target ------------------------------------------------------------------------------------

PlanTarget PlanTarget::described(const std::string& json) {
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                 std::span<const char>(json.c_str(), json.size() + 1));
  properties.finalize();
  return PlanTarget(std::move(properties));
}

std::string PlanTarget::description() const {
  const auto text = [](const Descriptor& properties) {
    const auto json = properties.get<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
    return std::string(json.data());
  };
  if (const auto* properties = std::get_if<Descriptor>(&card_)) return text(*properties);
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_HANDLE, std::get<cudnnHandle_t>(card_));
  properties.finalize();
  return text(properties);
}

void PlanTarget::bind_graph(Descriptor& graph) const {
  if (const auto* handle = std::get_if<cudnnHandle_t>(&card_))
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, *handle);
}

void PlanTarget::bind_heuristics(Descriptor& heuristics) const {
  if (const auto* properties = std::get_if<Descriptor>(&card_))
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *properties);
}

void PlanTarget::bind_plan(Descriptor& plan) const {
  if (const auto* handle = std::get_if<cudnnHandle_t>(&card_))
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, *handle);
  else
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, std::get<Descriptor>(card_));
}

}  // namespace polder::kernels::cuda
