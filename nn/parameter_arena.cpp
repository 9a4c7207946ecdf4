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

ParameterArena::ParameterArena(Module& module) {
  std::vector<Parameter> parameters = module.parameters();
  require_one_kind_of_memory(parameters);
  module.claim(claim_);
  adopt(parameters);
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
  bind(home_);
  for (const Segment& segment : segments_) home_bindings_.push_back(segment.variable.binding());
}

void ParameterArena::bind(const Tensor& buffer) {
  for (Segment& segment : segments_) segment.variable.rebind(part(buffer, segment));
  active_ = buffer;
}

void ParameterArena::activate(const Tensor& flat) {
  if (!flat.shares_memory_with(home_)) return bind(flat);
  for (std::size_t s = 0; s < segments_.size(); ++s)
    segments_[s].variable.rebind(home_bindings_[s]);
  active_ = home_;
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

}  // namespace polder::nn
