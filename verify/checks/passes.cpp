#include <cmath>
#include <limits>

#include "polder/verify/checks/checks.h"

namespace polder::verify {

using optim::WorkCount;

namespace {

/// Elements between the segments of a flat tensor.
std::vector<double> padding_of(const nn::ParameterArena& arena, const Tensor& flat) {
  const std::vector<double> values = values_of(flat);
  std::vector<double> padding;
  for (std::size_t s = 0; s < arena.segments().size(); ++s)
    for (std::int64_t i = arena.segments()[s].offset + arena.segments()[s].shape.numel();
         i < arena.table().host_offsets[s + 1]; ++i)
      padding.push_back(values[static_cast<std::size_t>(i)]);
  return padding;
}

void poison(const nn::ParameterArena& arena, Tensor& flat) {
  for (const nn::Segment& segment : arena.segments()) {
    Tensor part = arena.part(flat, segment);
    kernels::backend_of(part).fill(std::numeric_limits<double>::quiet_NaN(), part);
  }
}

}  // namespace

Outcome costs_what_is_published(const Subject& subject) {
  if (!subject.entry.cost) return not_applicable("its cost is not given in numbers");
  constexpr int kSteps = 12;
  Training training = train(subject);
  double perturbed = 0.0;
  for (int t = 0; t < kSteps; ++t) {
    const optim::StepReport report = training.run_step();
    if (report.perturbed) perturbed += report.decision.defined() ? report.decision.item() : 1.0;
  }
  const optim::RuleCost cost = cost_of(subject.entry, trial_of(subject.entry), NetProblem::kRows);
  const double epochs = kSteps / static_cast<double>(NetProblem::kStepsPerEpoch);
  const WorkCount wanted = kSteps * cost.step + perturbed * cost.perturbed + epochs * cost.epoch +
                           static_cast<double>(NetProblem::kStepsPerEpoch) * cost.opening;
  const WorkCount found = training.problem.objective.work();
  const double error = std::max({std::abs(found.gradients - wanted.gradients),
                                 std::abs(found.forwards - wanted.forwards),
                                 std::abs(found.hessian_products - wanted.hessian_products)});
  return measured(error, 1e-9,
                  fmt::format("{} steps made {} GE, {} F, {} Hv, published are {}, {}, {}", kSteps,
                              found.gradients, found.forwards, found.hessian_products,
                              wanted.gradients, wanted.forwards, wanted.hessian_products));
}

Outcome moves_statistics_once(const Subject& subject) {
  Training training = train(subject);
  double worst = 0.0;
  for (int step = 0; step < 8; ++step) {
    training.problem.objective.diary.clear();
    training.run_step();
    double moves = 0.0;
    for (const auto& pass : training.problem.objective.diary) moves += pass.moved_statistics;
    worst = std::max(worst, std::abs(moves - 1.0));
  }
  return measured(worst, 0.0, "moves of the running statistics too many or too few in a step");
}

Outcome overwrites_gradient(const Subject& subject) {
  Training clean = train(subject), poisoned = train(subject);
  Tensor g = clean.problem.arena.make_flat(), bad = g.clone();
  double padding = 0.0;
  for (int step = 0; step < 5; ++step) {
    poison(poisoned.problem.arena, bad);
    clean.run_step_into(g);
    poisoned.run_step_into(bad);
    padding = std::max(padding, largest_size(padding_of(clean.problem.arena, g)));
  }
  padding =
      std::max(padding, largest_size(padding_of(clean.problem.arena, clean.problem.arena.home())));
  if (padding != 0.0) return measured(padding, 0.0, "the largest number written into the padding");
  return measured(differing(poisoned.weight_bits(), clean.weight_bits()), 0.0,
                  "bytes of w that depend on what was in g before");
}

Outcome adds_up_micro_batches(const Subject& subject) {
  const NetOptions net{
      .dtype = DType::float64, .batch_norm = false, .layer_norm = true, .activation = "tanh"};
  Training whole = train(subject, net), chunked = train(subject, net);
  chunked.problem.objective.set_micro_batch(3);
  whole.run_steps(8);
  chunked.run_steps(8);
  const double more = std::abs(chunked.problem.objective.work().gradients -
                               whole.problem.objective.work().gradients);
  if (!(more <= 1e-9)) return measured(more, 1e-9, "gradient evaluations more or less");
  return measured(
      distance(values_of(chunked.problem.arena.home()), values_of(whole.problem.arena.home())),
      1e-10, "distance of w from training on whole batches");
}

}  // namespace polder::verify
