#include "polder/kernels/cuda/convolutions.h"

#include <algorithm>
#include <limits>

#include "polder/core/error.h"
#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/convolution_plan.h"

namespace polder::kernels::cuda {
namespace {

/// Engines whose turn on the card is timed, counted from the heuristics' first choice.
constexpr std::size_t kTimedEngines = 5;
constexpr int kTimedRuns = 4;
/// Multiply-adds from which on it pays to time: about ten microseconds of a card's work.
constexpr std::int64_t kWorthTiming = std::int64_t{1} << 26;
/// An engine that wants more scratch memory than this is passed over.
constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;

class Event {
 public:
  Event() { check(cudaEventCreate(&event_)); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Shortest time of a few runs on the stream, in milliseconds; one more run goes first.
template <class F>
float shortest_time(cudaStream_t stream, F&& run) {
  const Event start, stop;
  float shortest = std::numeric_limits<float>::infinity();
  run();
  for (int i = 0; i < kTimedRuns; ++i) {
    float milliseconds = 0;
    check(cudaEventRecord(start.get(), stream));
    run();
    check(cudaEventRecord(stop.get(), stream));
    check(cudaEventSynchronize(stop.get()));
    check(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
    shortest = std::min(shortest, milliseconds);
  }
  return shortest;
}

bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status));
  return status != cudaStreamCaptureStatusNone;
}

std::string card_name(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index));
  return properties.name;
}

/// A plan and the name of its engine.
struct Candidate {
  std::string engine;
  ConvolutionPlan plan;
};

/// Up to `most` engines of `engines` that can be made ready, in order; with `name`, only that one.
std::vector<Candidate> candidates_among(const std::vector<Engine>& engines,
                                        const PlanTarget& target, std::size_t most,
                                        const std::optional<std::string>& name = {}) {
  std::vector<Candidate> candidates;
  for (const Engine& engine : engines) {
    if (candidates.size() == most) break;
    if (name && engine.name != *name) continue;
    std::optional<ConvolutionPlan> plan = ConvolutionPlan::of(engine, target);
    if (plan && plan->workspace_bytes() <= kMostWorkspace)
      candidates.push_back({engine.name, std::move(*plan)});
  }
  return candidates;
}

}  // namespace

struct Convolutions::Library {
  cudnnHandle_t handle;
  PlanTarget target;
  PlanChoices choices;

  explicit Library(const Runtime& runtime)
      : handle(open()),
        target(handle),
        choices(plan_choices_file(card_name(runtime.index()), cudnnGetVersion())) {}
  ~Library() { static_cast<void>(cudnnDestroy(handle)); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  static cudnnHandle_t open() {
    cudnnHandle_t made = nullptr;
    check(cudnnCreate(&made));
    return made;
  }
};

Convolutions::Convolutions(Runtime& runtime, Workspace& workspace)
    : runtime_(runtime), workspace_(workspace) {}

Convolutions::~Convolutions() = default;

void Convolutions::open_library() {
  check(cudaSetDevice(runtime_.index()));
  if (library_ == nullptr) library_ = std::make_unique<Library>(runtime_);
  check(cudnnSetStream(library_->handle, static_cast<cudaStream_t>(runtime_.stream())));
}

std::optional<ConvolutionPlan> Convolutions::choose(const ConvolutionProblem& problem, void* x,
                                                    void* w, void* y) {
  const PlanTarget& target = library_->target;
  const std::vector<Engine> engines = engines_of(problem, target);
  const std::string name = to_string(problem);
  PlanChoices& choices = library_->choices;
  if (const auto engine = choices.find(name))
    for (Candidate& known : candidates_among(engines, target, 1, engine))
      return std::move(known.plan);
  const bool timed = problem.multiply_adds() >= kWorthTiming && choices.is_kept() &&
                     !is_capturing(static_cast<cudaStream_t>(runtime_.stream()));
  std::vector<Candidate> candidates = candidates_among(engines, target, timed ? kTimedEngines : 1);
  if (candidates.empty()) return std::nullopt;
  if (!timed) return std::move(candidates[0].plan);
  std::vector<float> times;
  for (const Candidate& candidate : candidates) times.push_back(time_of(candidate.plan, x, w, y));
  Candidate& best = candidates[static_cast<std::size_t>(
      std::min_element(times.begin(), times.end()) - times.begin())];
  choices.add(name, best.engine);
  return std::move(best.plan);
}

float Convolutions::time_of(const ConvolutionPlan& plan, void* x, void* w, void* y) {
  // Not from the workspace, which would stay as large as the greediest engine not taken.
  const auto units = static_cast<std::int64_t>(plan.workspace_bytes() / sizeof(double) + 1);
  const Tensor scratch =
      Tensor::empty({units}, DType::float64, {DeviceType::cuda, runtime_.index()});
  return shortest_time(static_cast<cudaStream_t>(runtime_.stream()),
                       [&] { plan.run(library_->handle, x, w, y, scratch.raw()); });
}

bool Convolutions::run(const ConvolutionProblem& problem, void* x, void* w, void* y) {
  try {
    open_library();
    auto found = plans_.find(problem);
    if (found == plans_.end()) found = plans_.emplace(problem, choose(problem, x, w, y)).first;
    const std::optional<ConvolutionPlan>& plan = found->second;
    if (plan) plan->run(library_->handle, x, w, y, workspace_.at_least(plan->workspace_bytes()));
    return plan.has_value();
  } catch (const Error& error) {
    fail("{}: {}", to_string(problem), error.what());
  }
}

}  // namespace polder::kernels::cuda
