#include <algorithm>
#include <unordered_map>
#include <utility>

#include "polder/autograd/functions.h"
#include "polder/autograd/node.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

using Node = Variable::Node;

/// What a pass knows about a node.
struct Visit {
  bool entered = false;
  bool requested = false;
  bool on_path = false;  // requested, or some input is on the path
  Variable gradient;     // sum of the contributions so far
};
using Visits = std::unordered_map<const Node*, Visit>;

void require_usable(const Node& node) {
  require(!node.freed, "grad: the record was freed by an earlier pass; retain_graph keeps it");
  for (const Variable& input : node.inputs)
    if (input.defined())
      require(input.node()->stamp < node.stamp,
              "grad: the record is stale: a leaf {} was rebound after it was used", input.shape());
}

Needs needed_inputs(const Node& node, const Visits& visits) {
  Needs needs;
  for (const Variable& input : node.inputs) {
    const auto found = visits.find(input.node().get());
    needs.push_back(found != visits.end() && found->second.on_path);
  }
  return needs;
}

bool any(const Needs& needs) { return std::find(needs.begin(), needs.end(), true) != needs.end(); }

/// Appends the nodes on a path from `output` to a requested one, each after all its inputs. Depth
/// first with a stack of its own: records may be deeper than the call stack.
void append_path(const Variable& output, Visits& visits, Variables& order) {
  struct Step {
    Variable variable;
    std::size_t next_input = 0;
  };
  std::vector<Step> stack;
  const auto enter = [&](const Variable& variable) {
    if (!variable.requires_grad() || visits[variable.node().get()].entered) return;
    require_usable(*variable.node());
    visits[variable.node().get()].entered = true;
    stack.push_back({variable});
  };
  enter(output);
  while (!stack.empty()) {
    const Node& node = *stack.back().variable.node();
    if (stack.back().next_input < node.inputs.size()) {
      enter(node.inputs[stack.back().next_input++]);
      continue;
    }
    Visit& visit = visits[&node];
    visit.on_path = visit.requested || any(needed_inputs(node, visits));
    if (visit.on_path) order.push_back(stack.back().variable);
    stack.pop_back();
  }
}

/// The sum of two gradients, in the memory of one of them when nobody else can see it.
Variable accumulated(Variable a, Variable b) {
  if (!a.defined()) return b;
  if (recording()) return add(a, b);
  const auto is_ours = [](const Variable& x) {
    return x.node().use_count() == 1 && x.value().is_sole_owner();
  };
  if (!is_ours(a)) std::swap(a, b);
  if (!is_ours(a)) return add(a, b);
  Tensor sum = a.value();
  kernels::backend_of(sum).axpby(1.0, b.value(), 1.0, sum);
  return a;
}

Variable in_type(Variable x, DType dtype) {
  if (x.dtype() != dtype) x = cast(x, dtype);
  return x;
}

/// Hands the gradient of one function's result on to its inputs.
void propagate(const Variable& y, const Variable& dy, const Needs& needs, bool keep_record,
               Visits& visits) {
  Node& node = *y.node();
  Variables contributions = node.gradient(y, dy, needs);
  require(contributions.size() == node.inputs.size(), "grad: {} gradients for {} inputs",
          contributions.size(), node.inputs.size());
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!needs[i] || !contributions[i].defined()) continue;
    const Variable& input = node.inputs[i];
    require(contributions[i].shape() == input.shape(), "grad: a gradient {} for an input {}",
            contributions[i].shape(), input.shape());
    Variable& gradient = visits.at(input.node().get()).gradient;
    gradient = accumulated(std::move(gradient),
                           in_type(std::move(contributions[i]), gradient_type(input)));
  }
  if (keep_record) return;
  node.gradient = nullptr;
  node.inputs.clear();
  node.freed = true;
}

void require_kept_digits(const Variables& inputs) {
  for (const Variable& input : inputs)
    require(input.dtype() != DType::bfloat16,
            "grad: create_graph with an input {} in bfloat16: second derivatives want float32 or "
            "float64",
            input.shape());
}

Variable seed_of(const Variables& outputs, const Variables& seeds, std::size_t k) {
  const Variable& output = outputs[k];
  require(output.requires_grad(),
          "grad: output {} {} has no record: none of its inputs requires a gradient, or recording "
          "was off",
          k, output.shape());
  if (k >= seeds.size() || !seeds[k].defined()) return Variable(full_like(output.value(), 1.0));
  require(seeds[k].shape() == output.shape(), "grad: seed {} is {}, its output is {}", k,
          seeds[k].shape(), output.shape());
  return seeds[k];
}

}  // namespace

Variables grad(const Variables& outputs, const Variables& inputs, const Variables& seeds,
               GradOptions options) {
  require(seeds.empty() || seeds.size() == outputs.size(), "grad: {} seeds for {} outputs",
          seeds.size(), outputs.size());
  if (options.create_graph) require_kept_digits(inputs);
  const RecordingGuard guard(options.create_graph);
  Visits visits;
  for (const Variable& input : inputs) visits[input.node().get()].requested = true;

  Variables order;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    Variable seed = seed_of(outputs, seeds, k);
    append_path(outputs[k], visits, order);
    Variable& gradient = visits[outputs[k].node().get()].gradient;
    gradient = accumulated(std::move(gradient), std::move(seed));
  }

  for (; !order.empty(); order.pop_back()) {
    const Variable& y = order.back();
    Visit& visit = visits.at(y.node().get());
    const Needs needs = needed_inputs(*y.node(), visits);
    if (!visit.gradient.defined() || !any(needs)) continue;
    const Variable dy = visit.requested ? visit.gradient : std::move(visit.gradient);
    propagate(y, dy, needs, options.retain_graph || options.create_graph, visits);
  }

  Variables gradients;
  for (const Variable& input : inputs) gradients.push_back(visits[input.node().get()].gradient);
  return gradients;
}

}  // namespace polder::autograd
