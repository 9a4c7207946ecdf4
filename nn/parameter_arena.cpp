#include "polder/nn/parameter_arena.h"

namespace polder::nn {
namespace {

std::int64_t padded(std::int64_t count) {
  return (count + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
}

bool is_adaptive(SegmentKind kind) {
  return kind == SegmentKind::weight || kind == SegmentKind::norm_scale ||
         kind == SegmentKind::embedding;
}

/// What normalisations scale and shift by stays float32.
bool has_copy(SegmentKind kind) {
  return kind != SegmentKind::norm_scale && kind != SegmentKind::norm_shift;
}

void require_one_kind_of_memory(const std::vector<Parameter>& parameters) {
  require(!parameters.empty(), "ParameterArena: no parameters to hold");
  const Variable& first = parameters.front().variable;
  for (const auto& [name, kind, variable] : parameters) {
    require(variable.dtype() == DType::float32 || variable.dtype() == DType::float64,
            "ParameterArena: {} is {}, wanted float32 or float64", name, variable.dtype());
    require(variable.dtype() == first.dtype() && variable.device() == first.device(),
            "ParameterArena: {} is {} on {}, but {} is {} on {}", name, variable.dtype(),
            variable.device(), parameters.front().name, first.dtype(), first.device());
  }
}

}  // namespace

ParameterArena::ParameterArena(Module& module, Compute compute) {
  std::vector<Parameter> parameters = module.parameters();
  require_one_kind_of_memory(parameters);
  module.claim(claim_);
  adopt(parameters);
  if (compute == Compute::bfloat16) add_copies();
}

ParameterArena::ParameterArena(const std::vector<std::pair<std::string, Tensor>>& weights) {
  std::vector<Parameter> parameters;
  for (const auto& [name, tensor] : weights)
    parameters.push_back({name, SegmentKind::weight, Variable(tensor, true)});
  require_one_kind_of_memory(parameters);
  adopt(parameters);
}

void ParameterArena::adopt(const std::vector<Parameter>& parameters) {
  std::vector<std::int64_t> adaptive;
  std::int64_t end = 0;
  for (const auto& [name, kind, variable] : parameters) {
    segments_.push_back({name, kind, end, variable.shape(), variable});
    table_.host_offsets.push_back(end);
    adaptive.push_back(is_adaptive(kind) ? 1 : 0);
    weight_count_ += variable.shape().numel();
    end += padded(variable.shape().numel());
  }
  table_.host_offsets.push_back(end);

  const Variable& first = segments_.front().variable;
  const auto count = static_cast<std::int64_t>(segments_.size());
  table_.offsets = Tensor::from(table_.host_offsets, {count + 1}, first.device());
  table_.adaptive = Tensor::from(adaptive, {count}, first.device());
  home_ = Tensor::zeros({end}, first.dtype(), first.device());
  for (const Segment& segment : segments_) part(home_, segment).copy_from(segment.variable.value());
  twin_ = home_.clone();
  active_ = home_;
  bind_active();
  home_bindings_ = bindings();
}

void ParameterArena::add_copies() {
  require(dtype() == DType::float32,
          "ParameterArena: bfloat16 copies of {} weights, wanted float32 weights", dtype());
  home_copy_ = Tensor::empty(home_.shape(), DType::bfloat16, device());
  twin_copy_ = Tensor::empty(home_.shape(), DType::bfloat16, device());
  refresh_home_copy();
  refresh_twin_copy();
  own_home_bindings_ = home_bindings_;
  bind_active();
  home_bindings_ = bindings();
}

std::vector<Variable::Binding> ParameterArena::bindings() const {
  std::vector<Variable::Binding> all;
  for (const Segment& segment : segments_) all.push_back(segment.variable.binding());
  return all;
}

void ParameterArena::refresh(const Tensor& weights, Tensor& copy) {
  if (copy.defined()) kernels::backend_of(weights).cast(weights, copy);
}

/// Points the leaves at the active buffer, or its copy.
void ParameterArena::bind_active() {
  const Tensor& copy = at_home() ? home_copy_ : at_twin() ? twin_copy_ : other_copy_;
  for (Segment& segment : segments_) {
    const bool copied = reads_copies() && has_copy(segment.kind);
    segment.variable.rebind_as(part(copied ? copy : active_, segment));
  }
}

void ParameterArena::activate(const Tensor& flat) {
  active_ = flat;
  if (at_home()) {
    const auto& home = own_precision_ ? own_home_bindings_ : home_bindings_;
    for (std::size_t s = 0; s < segments_.size(); ++s) segments_[s].variable.rebind(home[s]);
    return;
  }
  if (reads_copies() && !at_twin()) {
    if (!other_copy_.defined())
      other_copy_ = Tensor::empty(flat.shape(), DType::bfloat16, device());
    refresh(flat, other_copy_);
  }
  bind_active();
}

Tensor ParameterArena::make_flat() const { return Tensor::zeros(home_.shape(), dtype(), device()); }

Tensor ParameterArena::part(const Tensor& flat, const Segment& segment) const {
  require(flat.shape() == home_.shape(), "ParameterArena::part: tensor {}, wanted {}", flat.shape(),
          home_.shape());
  return flat.view(segment.offset, segment.shape);
}

std::vector<Variable> ParameterArena::variables() const {
  std::vector<Variable> leaves;
  for (const Segment& segment : segments_) leaves.push_back(segment.variable);
  return leaves;
}

OwnPrecision::OwnPrecision(ParameterArena& arena, bool wanted)
    : arena_(arena), before_(arena.own_precision_) {
  if (!wanted || !arena.reads_copies()) return;
  arena_.own_precision_ = true;
  arena_.activate(arena_.active());
}

OwnPrecision::~OwnPrecision() {
  if (arena_.own_precision_ == before_) return;
  arena_.own_precision_ = before_;
  arena_.activate(arena_.active());
}

}  // namespace polder::nn
