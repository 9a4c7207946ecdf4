#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "polder/core/batch.h"
#include "polder/core/state.h"
#include "polder/data/augment.h"
#include "polder/data/dataset.h"

namespace polder::data {

struct LoaderOptions {
  std::int64_t batch_size = 128;
  bool shuffle = true;
  /// Leave out the last batch of an epoch when it would be smaller.
  bool drop_last = false;
  /// Every batch holds the same number of samples of every domain among the indices, domain by
  /// domain. An epoch ends with the smallest domain; what it leaves of the others differs from
  /// epoch to epoch.
  bool balanced = false;
  Normalization normalization = {};
  Augmentation augmentation = {};
  /// Of the order and of the augmentation.
  std::uint64_t seed = 0;
  /// Batches that a background thread prepares ahead; 0 prepares each one when it is asked for.
  /// The batches are the same.
  int prefetch = 4;
};

/// Where a walk stands: `offset` samples of epoch `epoch` have been handed out.
struct LoaderPosition {
  std::int64_t epoch = 0;
  std::int64_t offset = 0;

  bool operator==(const LoaderPosition&) const = default;
};

/// Endless walk over the samples `indices` of a data set, epoch after epoch, in batches:
/// inputs float32 [n, sample...] on the host, int64 targets [n], int64 indices [n] into the data
/// set, and int64 domains [n] when the set has several. Every batch is a function of (options.seed,
/// position) alone, so a walk continues bit for bit from a saved position. Each batch has memory of
/// its own, drawn by next() from the caching allocator. Not for use from two threads at once.
/// Borrows the data set.
class Loader {
 public:
  /// Throws Error on an empty set, indices out of range, a batch size below 1 or above the number
  /// of samples, a balanced batch that does not share out over the domains, or a preparation that
  /// does not fit.
  Loader(const Dataset& dataset, std::vector<std::int64_t> indices, LoaderOptions options);
  ~Loader();
  Loader(Loader&&) noexcept;

  /// The next batch. Rethrows what the background thread met; the position then stays where it was.
  Batch next();

  /// Samples of an epoch before `drop_last`.
  std::int64_t size() const;
  std::int64_t batches_per_epoch() const;
  const LoaderOptions& options() const;

  /// Position of the batch that next() gives.
  LoaderPosition position() const;
  /// Throws Error when no batch starts there.
  void seek(LoaderPosition position);
  /// The position, under the names `prefix` + "epoch" and "offset".
  void visit_state(StateVisitor& visitor, const std::string& prefix = "loader/");

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The given samples as one batch, normalised, without augmentation.
Batch gather(const Dataset& dataset, std::span<const std::int64_t> indices,
             const Normalization& normalization);

/// Evaluation: visits all `indices` in order in batches of at most batch_size.
void for_each_batch(const Dataset& dataset, std::span<const std::int64_t> indices,
                    std::int64_t batch_size, const Normalization& normalization,
                    const std::function<void(const Batch&)>& visit);

}  // namespace polder::data
