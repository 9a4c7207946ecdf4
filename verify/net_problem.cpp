#include "polder/verify/net_problem.h"

#include <numeric>

#include "polder/autograd/functions.h"
#include "polder/core/allocator.h"
#include "polder/core/random.h"
#include "polder/nn/activation.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"

namespace polder::verify {
namespace {

/// A head beside another one that only every second pass uses: layer drop, routing.
class RoutedHead : public nn::Module {
 public:
  RoutedHead(const nn::Build& build, std::int64_t width, int which)
      : which_(which),
        first_(make<nn::Linear>(build, "first", width, NetProblem::kClasses)),
        second_(make<nn::Linear>(build, "second", width, NetProblem::kClasses)) {}
  nn::Variable forward(const nn::Variable& x, nn::Pass& pass) override {
    const nn::Variable y = first_->forward(x, pass);
    return ++passes_ % 2 == which_ % 2 ? autograd::add(y, second_->forward(x, pass)) : y;
  }

 private:
  int which_, passes_ = 0;
  std::shared_ptr<nn::Linear> first_, second_;
};

std::shared_ptr<nn::Sequential> small_net(const NetOptions& options) {
  const nn::Build build{.seed = options.seed, .dtype = options.dtype, .device = options.device};
  auto net = std::make_shared<nn::Sequential>(build);
  net->add<nn::Linear>("fc1", NetProblem::kInputs, options.width);
  if (options.batch_norm) net->add<nn::BatchNorm>("bn1", options.width);
  if (options.layer_norm) net->add<nn::LayerNorm>("ln1", options.width);
  net->add<nn::Activation>("act1", options.activation);
  net->add<nn::Dropout>("drop1", options.dropout);
  if (options.second_head == 0)
    net->add<nn::Linear>("fc2", options.width, NetProblem::kClasses);
  else
    net->add<RoutedHead>("heads", options.width, options.second_head);
  return net;
}

optim::LossFunction scaled_loss(double factor) {
  if (factor == 1.0) return optim::cross_entropy_loss(0.1);
  return [factor](const autograd::Variable& outputs, const Tensor& targets) {
    return autograd::affine(autograd::cross_entropy(outputs, targets, 0.1), factor);
  };
}

template <class T>
std::vector<T> on_host(const Tensor& x) {
  std::vector<T> values(static_cast<std::size_t>(x.numel()));
  allocator_of(x.device()).copy_to_host(values.data(), x.raw(), x.bytes());
  return values;
}

/// Whether leaves in bfloat16 hold the active weights, rounded number by number.
bool reads_rounded_weights(const nn::ParameterArena& arena) {
  for (const nn::Segment& segment : arena.segments()) {
    const Tensor& read = segment.variable.value();
    if (read.dtype() != DType::bfloat16) continue;
    const auto found = on_host<bfloat16>(read);
    const auto weights = on_host<float>(arena.part(arena.active(), segment));
    for (std::size_t i = 0; i < found.size(); ++i)
      if (found[i].bits != bfloat16(weights[i]).bits) return false;
  }
  return true;
}

}  // namespace

void WatchedObjective::enter(const PassPlan& plan) {
  if (static_cast<int>(diary.size()) == fail_at) throw PassFailed();
  diary.push_back({arena().at_home(), plan.move_statistics, reads_rounded_weights(arena())});
}

Tensor WatchedObjective::add_gradient(const Batch& rows, const optim::RowWeights& seeds_of,
                                      PassPlan plan, Tensor& g) {
  enter(plan);
  return ModelObjective::add_gradient(rows, seeds_of, plan, g);
}

Tensor WatchedObjective::per_sample_losses(const Batch& rows, PassPlan plan) {
  enter(plan);
  return ModelObjective::per_sample_losses(rows, plan);
}

Tensor WatchedObjective::outputs_of(const Batch& rows, PassPlan plan) {
  enter(plan);
  return ModelObjective::outputs_of(rows, plan);
}

void WatchedObjective::add_hessian_product(const Batch& rows, double weight, PassPlan plan,
                                           const Tensor& v, Tensor& out) {
  enter(plan);
  ModelObjective::add_hessian_product(rows, weight, plan, v, out);
}

NetProblem::NetProblem(const NetOptions& options)
    : options_(options),
      model(small_net(options)),
      arena(*model, options.compute),
      objective(*model, arena, scaled_loss(options.loss_factor), options.seed) {
  objective.set_course(kCourse);
  objective.set_validation([this] { return draw("validation", objective.step(), 7); });
  objective.set_fresh_training([this] { return draw("fresh", objective.step(), kRows); });
  optim::TrainingSet set{kSamples, kClasses, std::vector<std::int64_t>(kSamples), {}};
  std::iota(set.indices.begin(), set.indices.end(), 0);
  set.rows = [this](std::span<const std::int64_t> indices) {
    return draw("sample", indices.front(), static_cast<std::int64_t>(indices.size()));
  };
  objective.set_training_set(std::move(set));
}

Batch NetProblem::batch(std::int64_t step, std::int64_t rows) const {
  Batch batch = draw("batch", step, rows);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i)
    indices[static_cast<std::size_t>(i)] = (step * rows + 7 * i) % kSamples;
  batch.indices = Tensor::from(indices, {rows}, options_.device);
  return batch;
}

/// Random points and labels, a function of the stream and its number.
Batch NetProblem::draw(const std::string& stream, std::int64_t number, std::int64_t rows) const {
  const auto at = static_cast<std::uint32_t>(number);
  const RandomKey points = random_key(options_.seed, stream, at);
  const RandomKey classes = random_key(options_.seed, stream + "/labels", at);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < rows; ++i)
    labels.push_back(static_cast<std::int64_t>(
        below(classes, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(kClasses))));
  Batch batch{.inputs = Tensor::empty({rows, kInputs}, options_.dtype, options_.device),
              .targets = Tensor::from(labels, {rows}, options_.device)};
  kernels::backend_of(batch.inputs).random_normal(points, 0.0, 1.0, batch.inputs);
  return batch;
}

}  // namespace polder::verify
