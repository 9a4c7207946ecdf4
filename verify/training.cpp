#include "polder/verify/training.h"

#include "polder/core/allocator.h"
#include "polder/optim/snapshot.h"

namespace polder::verify {

std::vector<std::byte> bits_of(const Tensor& tensor) {
  std::vector<std::byte> bits(tensor.bytes());
  allocator_of(tensor.device()).copy_to_host(bits.data(), tensor.raw(), bits.size());
  return bits;
}

std::vector<double> values_of(const Tensor& tensor) {
  Tensor exact = Tensor::empty(tensor.shape(), DType::float64, tensor.device());
  kernels::backend_of(tensor).cast(tensor, exact);
  return exact.to_vector<double>();
}

Training::Training(const optim::RuleEntry& entry, const optim::Settings& settings,
                   const NetOptions& net, const std::string& optimizer, double clip)
    : problem(net),
      rule(entry.make(optim::complete(entry, settings), problem.arena)),
      base(optim::make_base_optimizer(optimizer, {.weight_decay = 1e-3}, problem.arena)),
      step(problem.objective, *rule, *base, clip) {
  base->set_rate(0.05);
}

optim::StepReport Training::run_step() {
  const std::int64_t t = steps_++;
  return step.run(problem.batch(t), t);
}

optim::StepReport Training::run_step_into(Tensor& g) {
  const Batch batch = problem.batch(steps_);
  problem.objective.begin_step(steps_++, batch.size(), base->rate());
  return rule->step(problem.objective, batch, *base, 0.0, g);
}

std::vector<std::byte> Training::result_bits() {
  std::vector<std::byte> bits = weight_bits();
  const optim::Snapshot* average = rule->averaged(problem.objective);
  if (average == nullptr) return bits;
  const std::vector<std::byte> more = bits_of(average->weights);
  bits.insert(bits.end(), more.begin(), more.end());
  return bits;
}

void Training::visit_state(StateVisitor& visitor) {
  visitor.visit("weights", problem.arena.home());
  problem.arena.refresh_home_copy();
  for (auto& [name, tensor] : problem.model->buffers()) visitor.visit(name, tensor);
  rule->visit_state(visitor);
  base->visit_state(visitor);
  visitor.visit("step", steps_);
}

}  // namespace polder::verify
