#include "polder/verify/image_problem.h"

#include "polder/core/allocator.h"
#include "polder/core/random.h"
#include "polder/nn/activation.h"
#include "polder/nn/convolution.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/nn/pooling.h"

namespace polder::verify {
namespace {

Tensor moved(const Tensor& x, Device device) {
  Tensor copy = Tensor::empty(x.shape(), x.dtype(), device);
  allocator_of(device).copy_from_host(copy.raw(), x.raw(), x.bytes());
  return copy;
}

}  // namespace

ImageProblem::ImageProblem(Device device, DType dtype, double dropout, nn::Compute compute)
    : device_(device),
      dtype_(dtype),
      model(make_model(dropout)),
      arena(*model, compute),
      objective(*model, arena, optim::cross_entropy_loss(0.1), 7) {
  objective.set_validation([this] { return batch(1000 + drawn_++); });
  objective.set_fresh_training([this] { return batch(2000 + drawn_++); });
  objective.set_course(
      {.steps = 12, .steps_per_epoch = 3, .rate_min = 0.02 / 12, .rate_max = 0.02});
  const auto rows = [this](std::span<const std::int64_t> indices) {
    return batch(3000 + indices.front(), static_cast<std::int64_t>(indices.size()));
  };
  objective.set_training_set({kSamples, kClasses, {0, 1, 2, 3, 4, 5}, rows});
}

Batch ImageProblem::batch(std::int64_t step, std::int64_t rows) const {
  const auto when = static_cast<std::uint32_t>(step);
  Tensor images = Tensor::empty({rows, 7, 6, 2}, dtype_);
  kernels::backend_of(images).random_normal(random_key(1, "images", when), 0, 1, images);
  std::vector<std::int64_t> labels, indices;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto element = static_cast<std::uint64_t>(i);
    labels.push_back(
        static_cast<std::int64_t>(below(random_key(1, "labels", when), element, kClasses)));
    indices.push_back((step * kRows + i) % kSamples);
  }
  return {.inputs = moved(images, device_),
          .targets = Tensor::from(labels, {rows}, device_),
          .indices = Tensor::from(indices, {rows}, device_)};
}

std::shared_ptr<nn::Sequential> ImageProblem::make_model(double dropout) const {
  auto net =
      std::make_shared<nn::Sequential>(nn::Build{.seed = 3, .dtype = dtype_, .device = device_});
  net->add<nn::Conv2d>("conv1", 2, 5, 3, nn::Conv2dOptions{.padding = 1});
  net->add<nn::BatchNorm>("norm1", 5);
  net->add<nn::Activation>("act1", "gelu");
  net->add<nn::MaxPool>("pool1", nn::square_window(2, 2));
  net->add<nn::Conv2d>("conv2", 5, 6, 2, nn::Conv2dOptions{});
  net->add<nn::Activation>("act2", "tanh");
  net->add<nn::GlobalAveragePool>("pool2");
  net->add<nn::Dropout>("drop", dropout);
  net->add<nn::Linear>("hidden", 6, 9);
  net->add<nn::LayerNorm>("norm2", 9);
  net->add<nn::Activation>("act3", "sigmoid");
  net->add<nn::Linear>("out", 9, kClasses);
  return net;
}

}  // namespace polder::verify
