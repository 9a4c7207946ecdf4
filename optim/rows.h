#pragma once

#include "polder/core/batch.h"
#include "polder/kernels/backend.h"

/// Rows of a batch chosen by what the device knows.
namespace polder::optim {

/// The rows index [m] (int64, on the batch's device) as a batch of its own. It remembers which rows
/// of the whole batch these are, so that the same sample meets the same masks.
Batch gather(const Batch& batch, const Tensor& index);

/// Rows of a table [n, ...] of any type, and the way back: table[index[r]] = rows[r], the indices
/// differing from one another.
Tensor gather_rows(const Tensor& table, const Tensor& index);
void put_rows(const Tensor& rows, const Tensor& index, Tensor& table);

/// Mean of per-sample losses [n]: 0-d float64.
Tensor mean(const Tensor& losses);

/// Positions of the largest of x [n], in ascending order, ties to the lower row; NaN ranks last.
/// Throws Error when `count` is outside [1, n].
Tensor largest(const Tensor& x, std::int64_t count);

/// max(1, int(share n)): how many rows a share of n rows is.
std::int64_t share_of_rows(double share, std::int64_t n);

}  // namespace polder::optim
