#include <cmath>
#include <type_traits>

#include "polder/optim/recorded_step.h"
#include "polder/optim/snapshot.h"
#include "polder/verify/checks/checks.h"
#include "polder/verify/image_problem.h"

namespace polder::verify {
namespace {

struct Trained {
  std::vector<double> weights, average, losses;
  double gradients = 0.0;
  std::int64_t replays = 0;
  std::string reason;  // why nothing was replayed
};

/// The averaged weights and their statistics; nothing where the rule has none.
std::vector<double> average_of(optim::Rule& rule, optim::Objective& objective) {
  const optim::Snapshot* average = rule.averaged(objective);
  if (average == nullptr) return {};
  std::vector<double> all = values_of(average->weights);
  for (const Tensor& buffer : average->buffers)
    for (const double value : values_of(buffer)) all.push_back(value);
  return all;
}

/// Steps on the images. Every fifth batch is smaller where `ragged`, as the last of an epoch may
/// be.
template <class Step>
Trained train_images(const Subject& subject, Device device, DType dtype,
                     const std::string& optimizer, std::int64_t steps, bool ragged) {
  ImageProblem problem(device, dtype);
  const auto rule =
      subject.entry.make(complete(subject.entry, trial_of(subject.entry)), problem.arena);
  const auto base = optim::make_base_optimizer(optimizer, {.weight_decay = 1e-3}, problem.arena);
  Step step(problem.objective, *rule, *base, 5.0);
  Trained trained;
  for (std::int64_t t = 0; t < steps; ++t) {
    base->set_rate(optimizer == "sgd" ? 0.1 / static_cast<double>(1 + t) : 0.01);
    const Batch batch = problem.batch(t, ragged && t % 5 == 4 ? 8 : ImageProblem::kRows);
    const optim::StepReport report = step.run(batch, t);
    // Rules that look from elsewhere alone have no clean loss.
    const Tensor& loss = report.loss.defined() ? report.loss : report.perturbed_loss;
    trained.losses.push_back(loss.item());
  }
  trained.weights = values_of(problem.arena.home());
  trained.average = average_of(*rule, problem.objective);
  trained.gradients = problem.objective.work().gradients;
  if constexpr (std::is_same_v<Step, optim::RecordedStep>) {
    trained.replays = step.replays();
    trained.reason = step.reason();
  }
  return trained;
}

}  // namespace

std::vector<double> trained_on_images(const Subject& subject) {
  return train_images<optim::TrainingStep>(subject, subject.device, DType::float32, "adamw", 12,
                                           false)
      .weights;
}

Outcome ends_as_on_the_cpu(const Subject& subject) {
  if (subject.device == kCpu) return not_applicable("this is the cpu");
  double largest = 0.0;
  for (const char* optimizer : {"sgd", "adamw"}) {
    const auto train_on = [&](Device device) {
      return train_images<optim::TrainingStep>(subject, device, DType::float64, optimizer, 20,
                                               false);
    };
    const Trained here = train_on(subject.device), there = train_on(kCpu);
    largest =
        std::max({largest, distance(here.weights, there.weights),
                  distance(here.losses, there.losses), distance(here.average, there.average)});
  }
  // Rounding is all that may differ; twenty steps of training magnify it.
  return measured(largest, 1e-7, "distance of w and the losses from training on the cpu");
}

Outcome can_be_recorded(const Subject& subject) {
  if (subject.device == kCpu) return not_applicable("the cpu has nothing to gain");
  for (const char* optimizer : {"sgd", "adamw"}) {
    const Trained plain = train_images<optim::TrainingStep>(subject, subject.device, DType::float32,
                                                            optimizer, 12, true);
    const Trained recorded = train_images<optim::RecordedStep>(subject, subject.device,
                                                               DType::float32, optimizer, 12, true);
    const double error = std::max({distance(recorded.weights, plain.weights),
                                   distance(recorded.losses, plain.losses),
                                   distance(recorded.average, plain.average),
                                   std::abs(recorded.gradients - plain.gradients)});
    if (error != 0.0)
      return measured(error, 0.0,
                      fmt::format("distance from training kernel by kernel, {}", optimizer));
    if ((recorded.replays > 0) != recorded.reason.empty())
      return complaint("nothing was replayed, and it is not said why: " + recorded.reason);
  }
  return measured(0.0, 0.0, "distance from training kernel by kernel");
}

}  // namespace polder::verify
