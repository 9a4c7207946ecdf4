#include "polder/kernels/cuda/branch.h"

#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/runtime.h"

namespace polder::kernels::cuda {
namespace {

cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }

/// Where a capture stands: its graph and the nodes that the next one waits for.
struct Capture {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* nodes = nullptr;
  const cudaGraphEdgeData* edges = nullptr;
  std::size_t count = 0;
};

Capture capture_of(cudaStream_t stream) {
  Capture capture;
  check(cudaStreamGetCaptureInfo(stream, &capture.status, nullptr, &capture.graph, &capture.nodes,
                                 &capture.edges, &capture.count));
  return capture;
}

/// Adds an if-node after what has been captured so far, and returns the graph of its body.
cudaGraph_t add_if_node(cudaStream_t stream, cudaGraphConditionalHandle condition) {
  const Capture capture = capture_of(stream);
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = condition;
  parameters.conditional.type = cudaGraphCondTypeIf;
  parameters.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  check(cudaGraphAddNode(&node, capture.graph, capture.nodes, capture.edges, capture.count,
                         &parameters));
  check(cudaStreamUpdateCaptureDependencies(stream, &node, nullptr, 1,
                                            cudaStreamSetCaptureDependencies));
  return parameters.conditional.phGraph_out[0];
}

/// While it lives, what is asked of the card is captured into `body`.
class BodyCapture {
 public:
  BodyCapture(Runtime& runtime, cudaGraph_t body) : runtime_(runtime) {
    check(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking));
    check(cudaStreamBeginCaptureToGraph(side_, body, nullptr, nullptr, 0,
                                        cudaStreamCaptureModeRelaxed));
    main_ = runtime_.exchange_stream(side_);
  }
  ~BodyCapture() {
    runtime_.exchange_stream(main_);
    cudaGraph_t same = nullptr;
    static_cast<void>(cudaStreamEndCapture(side_, &same));
    static_cast<void>(cudaStreamDestroy(side_));
  }
  BodyCapture(const BodyCapture&) = delete;
  BodyCapture& operator=(const BodyCapture&) = delete;

 private:
  Runtime& runtime_;
  cudaStream_t side_ = nullptr;
  void* main_ = nullptr;
};

}  // namespace

// Recorded: an if-node of the graph decides. Otherwise the host waits for the one number.
void DeviceBackend::branch(const Tensor& decision, const std::function<void()>& then) {
  const auto* value = decision.data<double>();
  const Capture capture = capture_of(as_stream(runtime_->stream()));
  if (capture.status == cudaStreamCaptureStatusNone) {
    double here = 0;
    runtime_->allocator().copy_to_host(&here, value, sizeof here);
    if (here != 0.0) then();
    return;
  }
  cudaGraphConditionalHandle condition{};
  check(cudaGraphConditionalHandleCreate(&condition, capture.graph, 0, cudaGraphCondAssignDefault));
  launch_set_condition(*runtime_, value, condition);
  const BodyCapture body(*runtime_, add_if_node(as_stream(runtime_->stream()), condition));
  then();
}

}  // namespace polder::kernels::cuda
