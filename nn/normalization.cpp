#include "polder/nn/normalization.h"

#include "polder/autograd/functions.h"
#include "polder/nn/init.h"

namespace polder::nn {

BatchNorm::BatchNorm(const Build& build, std::int64_t channels, BatchNormOptions options)
    : label_(build.label("BatchNorm")), options_(options) {
  require(channels > 0, "{}: {} channels, wanted a positive number", label_, channels);
  gamma_ = add_parameter("gamma", SegmentKind::norm_scale,
                         init::draw(build, "gamma", {channels}, init::ones()));
  beta_ = add_parameter("beta", SegmentKind::norm_shift,
                        init::draw(build, "beta", {channels}, init::zeros()));
  running_mean_ =
      add_buffer("running_mean", init::draw(build, "running_mean", {channels}, init::zeros()));
  running_variance_ = add_buffer("running_variance",
                                 init::draw(build, "running_variance", {channels}, init::ones()));
}

Variable BatchNorm::forward(const Variable& x, Pass& pass) {
  const std::int64_t channels = gamma_.size(0);
  require(x.rank() >= 2 && x.size(-1) == channels, "{}: input {}, wanted [..., {}]", label_,
          x.shape(), channels);
  if (!pass.training)
    return autograd::batch_norm_inference(x, gamma_, beta_, running_mean_, running_variance_,
                                          options_.epsilon);
  require(x.shape().numel() >= 2 * channels,
          "{}: input {} has fewer than 2 values a channel to measure while training", label_,
          x.shape());
  autograd::BatchStatistics batch;
  Variable y = autograd::batch_norm(x, gamma_, beta_, options_.epsilon, &batch);
  if (pass.move_statistics)
    kernels::backend_of(x.value()).batch_norm_track(
        batch.mean, batch.inv_std, options_.epsilon,
        pass.statistics_momentum.value_or(options_.momentum), batch.rows, running_mean_,
        running_variance_);
  return y;
}

LayerNorm::LayerNorm(const Build& build, std::int64_t features, double epsilon)
    : label_(build.label("LayerNorm")), epsilon_(epsilon) {
  require(features > 0, "{}: {} features, wanted a positive number", label_, features);
  gamma_ = add_parameter("gamma", SegmentKind::norm_scale,
                         init::draw(build, "gamma", {features}, init::ones()));
  beta_ = add_parameter("beta", SegmentKind::norm_shift,
                        init::draw(build, "beta", {features}, init::zeros()));
}

Variable LayerNorm::forward(const Variable& x, Pass&) {
  require(x.rank() >= 1 && x.size(-1) == gamma_.size(0), "{}: input {}, wanted [..., {}]", label_,
          x.shape(), gamma_.size(0));
  return autograd::layer_norm(x, gamma_, beta_, epsilon_);
}

}  // namespace polder::nn
