#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "polder/nn/activation.h"
#include "polder/nn/convolution.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/models/mlp.h"
#include "polder/nn/normalization.h"
#include "polder/nn/pooling.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/rule.h"
#include "test_support.h"

/// Small networks on random images, built afresh from a seed as often as wanted.
namespace polder::lets {

inline constexpr std::int64_t kClasses = 3;

/// Random images [rows, 6, 5, 2] with random labels.
inline Batch random_images(std::int64_t rows, std::uint64_t seed, DType dtype = DType::float64) {
  const Shape shape{rows, 6, 5, 2};
  Batch batch;
  batch.inputs = Tensor::empty(shape, dtype);
  kernels::backend_of(batch.inputs).random_normal(random_key(seed, "images"), 0, 1, batch.inputs);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(rows));
  std::iota(indices.begin(), indices.end(), 0);
  batch.targets = Tensor::from(random_labels(rows, kClasses, random_key(seed, "labels")), {rows});
  batch.indices = Tensor::from(indices, {rows});
  return batch;
}

/// "mlp_tanh", "mlp_gelu", "conv" (batch norm, gelu and tanh), "conv_dropout".
inline nn::ModulePtr make_network(const std::string& name, std::uint64_t seed,
                                  DType dtype = DType::float64) {
  const nn::Build build{.seed = seed, .dtype = dtype};
  if (name == "mlp_tanh") return nn::mlp(60, kClasses, build, {{7, 6}, "tanh"});
  auto net = std::make_shared<nn::Sequential>(build);
  if (name == "mlp_gelu") return nn::mlp(60, kClasses, build, {{7}, "gelu"});
  net->add<nn::Conv2d>("conv1", 2, 4, 3, nn::Conv2dOptions{.padding = 1});
  net->add<nn::BatchNorm>("norm1", 4);
  net->add<nn::Activation>("act1", "gelu");
  if (name == "conv_dropout") net->add<nn::Dropout>("dropout", 0.3);
  net->add<nn::Conv2d>("conv2", 4, 3, 3, nn::Conv2dOptions{.stride = 2});
  net->add<nn::BatchNorm>("norm2", 3);
  net->add<nn::Activation>("act2", "tanh");
  net->add<nn::GlobalAveragePool>("pool");
  net->add<nn::Linear>("out", 3, kClasses);
  return net;
}

/// A network, its weights and its training problem.
struct Network {
  explicit Network(const std::string& name, std::uint64_t seed = 1, DType dtype = DType::float64)
      : model(make_network(name, seed, dtype)),
        arena(*model),
        objective(*model, arena, optim::cross_entropy_loss(), seed) {
    kernels::set_thread_count(1);  // a team costs more than these tensors are worth
  }

  nn::ModulePtr model;
  nn::ParameterArena arena;
  optim::ModelObjective objective;
};

/// sam on even steps, the clean gradient on odd ones.
class EverySecond final : public optim::RadiusRule {
 public:
  explicit EverySecond(double rho) : RadiusRule(rho) {}
  optim::StepReport gradient(optim::Objective& objective, const Batch& batch, Tensor& g) override {
    optim::StepReport report{{}, {}, {}, radius(), objective.step() % 2 == 0};
    report.loss = objective.gradient(batch, g);
    if (!report.perturbed) return report;
    optim::Excursion away(objective, optim::ascend(objective.arena(), g, radius()));
    report.perturbed_loss = away.gradient(batch, g);
    return report;
  }
};

}  // namespace polder::lets
