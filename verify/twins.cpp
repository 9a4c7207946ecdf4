#include "polder/verify/twins.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "polder/core/random.h"
#include "polder/nn/activation.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/nn/sequential.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/snapshot.h"
#include "polder/optim/training_step.h"
#include "polder/reference/rules.h"

namespace polder::verify {
namespace {

constexpr std::int64_t kInputs = 4, kHidden = 7, kClasses = 3, kRows = 8, kSamples = 24;
constexpr std::int64_t kHeldOut = 6;  // rows of a validation batch
constexpr std::uint64_t kSeed = 5;

std::shared_ptr<nn::Sequential> small_net(Device device) {
  const nn::Build build{.seed = kSeed, .dtype = DType::float64, .device = device};
  auto net = std::make_shared<nn::Sequential>(build);
  net->add<nn::Linear>("fc1", kInputs, kHidden);
  net->add<nn::LayerNorm>("norm", kHidden);
  net->add<nn::Activation>("act", "tanh");
  net->add<nn::Linear>("fc2", kHidden, kClasses);
  return net;
}

/// Samples of a stream: points around a centre for each class, every fifth label another one.
reference::Rows samples_of(const std::string& stream, std::int64_t count) {
  reference::Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    reference::Sample sample;
    sample.index = static_cast<std::size_t>(i);
    const auto label = static_cast<std::size_t>(i % kClasses);
    for (std::int64_t k = 0; k < kInputs; ++k) {
      const auto at = static_cast<std::uint64_t>(i * kInputs + k);
      sample.x.push_back(normal(random_key(kSeed, stream), at) +
                         (static_cast<std::size_t>(k) == label ? 1.5 : 0.0));
    }
    sample.label = i % 5 == 4 ? (label + 1) % kClasses : label;
    rows.push_back(sample);
  }
  return rows;
}

Batch batch_of(const reference::Rows& rows, Device device) {
  std::vector<double> inputs;
  std::vector<std::int64_t> labels, indices;
  for (const reference::Sample& sample : rows) {
    inputs.insert(inputs.end(), sample.x.begin(), sample.x.end());
    labels.push_back(static_cast<std::int64_t>(sample.label));
    indices.push_back(static_cast<std::int64_t>(sample.index));
  }
  const auto n = static_cast<std::int64_t>(rows.size());
  return {.inputs = Tensor::from(inputs, {n, kInputs}, device),
          .targets = Tensor::from(labels, {n}, device),
          .indices = Tensor::from(indices, {n}, device)};
}

/// The same training problem on both sides.
struct Twins {
  reference::Rows training = samples_of("training", kSamples);
  reference::Rows held_out = samples_of("held out", 60);
  reference::Net net{kInputs, kHidden, kClasses};
  Device device;
  std::shared_ptr<nn::Sequential> model = small_net(device);
  nn::ParameterArena arena{*model};
  optim::ModelObjective objective{*model, arena, optim::cross_entropy_loss(), kSeed};
  std::int64_t steps;

  Twins(std::int64_t total, Device where) : device(where), steps(total) {
    objective.set_course({steps, kSamples / kRows, rate_at(steps - 1), rate_at(0)});
    objective.set_validation(
        [this] { return batch_of(validation_rows(objective.step()), device); });
    objective.set_fresh_training(
        [this] { return batch_of(batch_rows(objective.step() + 1), device); });
    optim::TrainingSet set{kSamples, kClasses, std::vector<std::int64_t>(kSamples), {}};
    std::iota(set.indices.begin(), set.indices.end(), 0);
    set.rows = [this](std::span<const std::int64_t> indices) {
      reference::Rows rows;
      for (const std::int64_t i : indices) rows.push_back(training[static_cast<std::size_t>(i)]);
      return batch_of(rows, device);
    };
    objective.set_training_set(std::move(set));
  }

  /// 0.2 falling to 0.05.
  double rate_at(std::int64_t t) const {
    const double p = static_cast<double>(t) / static_cast<double>(steps);
    return 0.05 + 0.075 * (1.0 + std::cos(std::numbers::pi * p));
  }
  /// Each epoch in an order of its own.
  reference::Rows batch_rows(std::int64_t t) const {
    reference::Rows rows;
    const std::int64_t epoch = t * kRows / kSamples, first = t * kRows % kSamples;
    for (std::int64_t i = first; i < first + kRows; ++i)
      rows.push_back(training[static_cast<std::size_t>((5 * i + 7 * epoch) % kSamples)]);
    return rows;
  }
  reference::Rows validation_rows(std::int64_t t) const {
    reference::Rows rows;
    for (std::int64_t i = 0; i < kHeldOut; ++i)
      rows.push_back(held_out[static_cast<std::size_t>((t * kHeldOut + i) % 60)]);
    return rows;
  }
  reference::Vector weights(const Tensor& flat) const {
    reference::Vector values;
    for (const nn::Segment& segment : arena.segments()) {
      const auto part = arena.part(flat, segment).to_vector<double>();
      values.insert(values.end(), part.begin(), part.end());
    }
    return values;
  }
  /// Where weight i of the dense vector lies in the flat tensors.
  std::uint64_t flat_position(std::size_t i) const {
    auto rest = static_cast<std::int64_t>(i);
    for (const nn::Segment& segment : arena.segments()) {
      if (rest < segment.shape.numel()) return static_cast<std::uint64_t>(segment.offset + rest);
      rest -= segment.shape.numel();
    }
    fail("reference: weight {} of {}", i, arena.weight_count());
  }

  reference::Step step(std::int64_t t, const reference::Rows& batch) const {
    reference::Step step{.net = net, .batch = batch, .training_set = training};
    step.validation = validation_rows(t);
    const std::int64_t per_epoch = kSamples / kRows;
    step.t = static_cast<std::size_t>(t);
    step.T = static_cast<std::size_t>(steps);
    step.epoch = static_cast<std::size_t>(t / per_epoch);
    step.epochs = static_cast<std::size_t>(objective.epochs());
    step.opens_epoch = t % per_epoch == 0;
    step.closes_epoch = (t + 1) % per_epoch == 0 || t + 1 == steps;
    step.rate = rate_at(t);
    step.rate_min = rate_at(steps - 1);
    step.rate_max = rate_at(0);
    const auto key = [t](const std::string& what) {
      return random_key(kSeed, what, static_cast<std::uint32_t>(t));
    };
    step.draws.uniform = [key](const std::string& what, std::size_t i) {
      return uniform(key(what), i);
    };
    step.draws.normal = [key](const std::string& what, std::size_t i) {
      return normal(key(what), i);
    };
    step.draws.weight_uniform = [this, key](const std::string& what, std::size_t i) {
      return uniform(key(what), flat_position(i));
    };
    step.draws.weight_normal = [this, key](const std::string& what, std::size_t i) {
      return normal(key(what), flat_position(i));
    };
    return step;
  }
};

double largest_distance(const reference::Vector& found, const reference::Vector& wanted) {
  double largest = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double distance = std::abs(found[i] - wanted[i]) / (1.0 + std::abs(wanted[i]));
    if (!std::isfinite(distance)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, distance);
  }
  return largest;
}

/// Between the weights that evaluation uses, where both sides say that it is not w; infinite where
/// one alone does.
double distance_of_averages(optim::Rule& ours, const reference::Rule& theirs, Twins& twins) {
  const optim::Snapshot* found = ours.averaged(twins.objective);
  const reference::Vector* wanted = theirs.averaged();
  if ((found == nullptr) != (wanted == nullptr)) return std::numeric_limits<double>::infinity();
  return found == nullptr ? 0.0 : largest_distance(twins.weights(found->weights), *wanted);
}

}  // namespace

double distance_to_reference(const optim::RuleEntry& entry, const optim::Settings& settings,
                             int steps, Device device) {
  const optim::Settings whole = optim::complete(entry, settings);
  const auto found = reference::rules().find(entry.name);
  require(found != reference::rules().end(), "reference: rule {} has none", entry.name);
  const auto theirs = found->second(whole.values());

  Twins twins(steps, device);
  const auto ours = entry.make(whole, twins.arena);
  const auto base = optim::make_base_optimizer("sgd", {}, twins.arena);
  optim::TrainingStep training(twins.objective, *ours, *base);
  reference::Sgd sgd;
  reference::Vector w = twins.weights(twins.arena.home());
  double largest = 0.0;
  for (std::int64_t t = 0; t < steps; ++t) {
    const reference::Rows batch = twins.batch_rows(t);
    base->set_rate(twins.rate_at(t));
    training.run(batch_of(batch, device), t);
    theirs->run(twins.step(t, batch), sgd, w);
    largest = std::max({largest, largest_distance(twins.weights(twins.arena.home()), w),
                        distance_of_averages(*ours, *theirs, twins)});
  }
  return largest;
}

bool has_reference(const std::string& rule) { return reference::rules().contains(rule); }

}  // namespace polder::verify
