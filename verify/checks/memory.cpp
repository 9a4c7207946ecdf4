#include <cmath>

#include "polder/core/allocator.h"
#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

/// Parameter-sized buffers that a training holds after some steps.
double buffers_held(const Subject& subject, const optim::RuleEntry& entry,
                    const optim::Settings& settings) {
  const std::size_t before = allocator_of(subject.device).stats().bytes_in_use;
  Training training(entry, settings, {.width = 1501, .device = subject.device});
  training.run_steps(8);
  const std::size_t held = allocator_of(subject.device).stats().bytes_in_use - before;
  return static_cast<double>(held) / static_cast<double>(training.problem.arena.home().bytes());
}

}  // namespace

Outcome asks_for_nothing(const Subject& subject) {
  Training training = train(subject, {}, "sgd", 1.0);
  training.run_steps(9);
  double requests = 0.0;
  for (int step = 0; step < 8; ++step) {
    const Batch batch = training.problem.batch(9 + step);
    const Allocator& allocator = allocator_of(subject.device);
    const std::uint64_t calls = allocator.stats().system_calls, reads = host_reads();
    training.step.run(batch, 9 + step);
    if (training.problem.objective.opens_epoch()) continue;  // what is refreshed may read
    requests += static_cast<double>(allocator.stats().system_calls - calls + host_reads() - reads);
  }
  return measured(requests, 0.0, "system calls for memory and host reads in 8 steps");
}

Outcome holds_what_is_published(const Subject& subject) {
  if (!subject.entry.cost) return not_applicable("its cost is not given in numbers");
  const optim::Settings settings = trial_of(subject.entry);
  const optim::RuleCost cost = cost_of(subject.entry, settings, NetProblem::kRows);
  buffers_held(subject, subject.entry, settings);  // makes scratch memory that kernels keep
  const double held = buffers_held(subject, subject.entry, settings) -
                      buffers_held(subject, subject.rules.find("none"), {});
  return measured(std::abs(held - cost.kept - cost.scratch), 0.3,
                  fmt::format("it holds {:.2f} buffers of d numbers, published are {}", held,
                              cost.kept + cost.scratch));
}

}  // namespace polder::verify
