#include "polder/app/scoring.h"

#include <algorithm>
#include <cmath>

#include "polder/core/allocator.h"
#include "polder/data/loader.h"

namespace polder::app {
namespace {

constexpr std::int64_t kRows = 256;

Tensor tensor_on(const Tensor& tensor, Device device) {
  if (!tensor.defined() || tensor.device() == device) return tensor;
  Tensor copy = Tensor::empty(tensor.shape(), tensor.dtype(), device);
  allocator_of(device).copy_from_host(copy.raw(), tensor.raw(), tensor.bytes());
  return copy;
}

/// Adds one row's loss and whether it is right.
void add_row(std::span<const float> logits, std::int64_t label, Score& sums) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - *best);
  const auto right = static_cast<std::size_t>(label);
  sums.loss += std::log(total) - (static_cast<double>(logits[right]) - *best);
  if (best - logits.begin() == label) sums.accuracy += 1.0;
}

}  // namespace

Batch batch_on(Batch batch, Device device) {
  batch.inputs = tensor_on(batch.inputs, device);
  batch.targets = tensor_on(batch.targets, device);
  batch.indices = tensor_on(batch.indices, device);
  batch.row_ids = tensor_on(batch.row_ids, device);
  batch.domains = tensor_on(batch.domains, device);
  return batch;
}

Score score_of(const data::Dataset& dataset, const std::vector<std::int64_t>& indices,
               const data::Normalization& normalization,
               const std::function<Tensor(const Batch&)>& evaluate) {
  if (indices.empty()) return {};
  Score sums{0.0, 0.0};
  data::for_each_batch(dataset, indices, kRows, normalization, [&](const Batch& batch) {
    const std::vector<float> outputs = evaluate(batch).to_vector<float>();
    const std::vector<std::int64_t> labels = batch.targets.to_vector<std::int64_t>();
    const std::size_t classes = outputs.size() / labels.size();
    for (std::size_t row = 0; row < labels.size(); ++row)
      add_row(std::span(outputs).subspan(row * classes, classes), labels[row], sums);
  });
  const auto count = static_cast<double>(indices.size());
  return {sums.loss / count, sums.accuracy / count};
}

}  // namespace polder::app
