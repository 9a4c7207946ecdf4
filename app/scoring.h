#pragma once

#include <functional>
#include <vector>

#include "polder/app/metrics.h"
#include "polder/core/batch.h"
#include "polder/data/augment.h"
#include "polder/data/dataset.h"

namespace polder::app {

/// The batch on another device; the same batch when it is there already.
Batch batch_on(Batch batch, Device device);

/// Mean cross-entropy (natural logarithm, no smoothing, in float64) and share of right answers of
/// the outputs [n, classes] that `evaluate` gives. Equal outputs: the lowest class answers.
/// No indices give no measurement.
Score score_of(const data::Dataset& dataset, const std::vector<std::int64_t>& indices,
               const data::Normalization& normalization,
               const std::function<Tensor(const Batch&)>& evaluate);

}  // namespace polder::app
