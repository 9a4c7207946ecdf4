#include "polder/autograd/variable.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "polder/autograd/node.h"

namespace polder::autograd {
namespace {

thread_local bool is_recording = true;

std::uint64_t next_stamp() {
  static std::atomic<std::uint64_t> clock{0};
  return ++clock;
}

/// Inputs of dying nodes, while some node on this thread is being destroyed.
thread_local Variables* orphans = nullptr;

}  // namespace

Variable::Node::Node(Tensor initial) : value(std::move(initial)), stamp(next_stamp()) {}

// A record can be a hundred thousand functions deep. Were each node to destroy its inputs, the
// stack would overflow: they are put on a list instead, and the first node to die empties it.
Variable::Node::~Node() {
  gradient = nullptr;
  if (orphans != nullptr) {
    std::move(inputs.begin(), inputs.end(), std::back_inserter(*orphans));
    return;
  }
  orphans = &inputs;
  while (!inputs.empty()) {
    const Variable orphan = std::move(inputs.back());
    inputs.pop_back();
  }
  orphans = nullptr;
}

Variable::Variable(Tensor value, bool requires_grad)
    : node_(std::make_shared<Node>(std::move(value))) {
  require(!requires_grad || is_floating(dtype()), "Variable: {} has no gradient", dtype());
  node_->requires_grad = requires_grad;
}

Variable Variable::result(Tensor value, Variables inputs, GradientFunction gradient) {
  Variable y(std::move(value));
  const auto wants = [](const Variable& input) { return input.requires_grad(); };
  if (!recording() || std::none_of(inputs.begin(), inputs.end(), wants)) return y;
  y.node_->requires_grad = true;
  y.node_->inputs = std::move(inputs);
  y.node_->gradient = std::move(gradient);
  return y;
}

const Tensor& Variable::value() const {
  require(defined(), "Variable: undefined, holds no value");
  return node_->value;
}

bool Variable::requires_grad() const { return defined() && node_->requires_grad; }

bool Variable::is_leaf() const { return defined() && !node_->gradient && !node_->freed; }

void Variable::rebind(Tensor value) {
  require(is_leaf(), "rebind: only a leaf can be pointed at other memory");
  const Tensor& old = node_->value;
  require(value.defined() && value.shape() == old.shape() && value.dtype() == old.dtype() &&
              value.device() == old.device(),
          "rebind: found {} {}, wanted {} {} on the same device", value.dtype(), value.shape(),
          old.dtype(), old.shape());
  rebind_as(std::move(value));
}

void Variable::rebind_as(Tensor value) {
  require(is_leaf(), "rebind: only a leaf can be pointed at other memory");
  const Tensor& old = node_->value;
  require(value.defined() && is_floating(value.dtype()) && value.shape() == old.shape() &&
              value.device() == old.device(),
          "rebind: found {} {}, wanted a floating type {} on the same device", value.dtype(),
          value.shape(), old.shape());
  node_->value = std::move(value);
  node_->stamp = next_stamp();
}

Variable::Binding Variable::binding() const { return {node_->value, node_->stamp}; }

void Variable::rebind(const Binding& binding) {
  rebind_as(binding.value);
  node_->stamp = binding.stamp;
}

Variable Variable::detach() const { return Variable(value()); }

bool recording() { return is_recording; }

RecordingGuard::RecordingGuard(bool record) : before_(std::exchange(is_recording, record)) {}
RecordingGuard::~RecordingGuard() { is_recording = before_; }

}  // namespace polder::autograd
