#include <numeric>

#include "polder/verify/checks/checks.h"

namespace polder::verify {

Outcome learns(const Subject& subject) {
  const NetOptions net{.dropout = 0.0, .device = subject.device};
  optim::Settings settings;
  if (subject.entry.trial.contains("allow_inexact")) settings.set("allow_inexact", "true");
  // A prior made for tens of thousands of samples leaves nothing to learn from 39.
  for (const optim::HyperParameter& parameter : subject.entry.parameters)
    if (parameter.name == "prior_precision") settings.set(parameter.name, "1");
  Training training(subject.entry, settings, net);
  const Batch batch = training.problem.batch(0, 32);
  const auto loss = [&] {
    const Tensor losses = training.problem.objective.losses(batch, {.upper = true});
    const std::vector<float> values = losses.to_vector<float>();
    return std::accumulate(values.begin(), values.end(), 0.0) / 32.0;
  };
  training.step.run(batch, 0);
  const double before = loss();
  for (std::int64_t t = 1; t < 200; ++t) training.step.run(batch, t);
  return measured(loss() / before, 0.75, "loss after 200 steps by default settings, by the first");
}

Outcome is_described(const Subject& subject) {
  const optim::RuleEntry& entry = subject.entry;
  if (entry.summary.empty()) return complaint("it has no summary");
  if (entry.cost_formula.empty()) return complaint("it has no cost formula");
  if (entry.paper.empty() && entry.name != "none") return complaint("it names no paper");
  for (const optim::HyperParameter& parameter : entry.parameters)
    if (parameter.help.empty()) return complaint(parameter.name + " has no help");
  return complaint("");
}

}  // namespace polder::verify
