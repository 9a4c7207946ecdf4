#include "polder/data/loader.h"

#include <algorithm>
#include <limits>

#include "polder/core/error.h"
#include "polder/data/epoch_order.h"
#include "polder/data/prefetcher.h"
#include "polder/data/shuffle.h"

namespace polder::data {
namespace {

Shape batch_shape(std::int64_t rows, const Shape& sample) {
  std::vector<std::int64_t> sizes{rows};
  sizes.insert(sizes.end(), sample.sizes().begin(), sample.sizes().end());
  return Shape(sizes);
}

Batch room_for(std::int64_t rows, const Dataset& dataset) {
  Batch batch;
  batch.inputs = Tensor::empty(batch_shape(rows, dataset.sample_shape()));
  batch.targets = Tensor::empty({rows}, DType::int64);
  batch.indices = Tensor::empty({rows}, DType::int64);
  if (dataset.domains() > 1) batch.domains = Tensor::empty({rows}, DType::int64);
  return batch;
}

/// Fills `batch` with the samples `indices`; it becomes shorter when they are fewer than its rows.
void fill_batch(const Dataset& dataset, std::span<const std::int64_t> indices,
                const Preparation& preparation, std::int64_t epoch, std::span<float> scratch,
                Batch& batch) {
  const auto rows = static_cast<std::int64_t>(indices.size());
  if (rows < batch.size()) {
    batch.inputs = batch.inputs.slice(0, rows);
    batch.targets = batch.targets.slice(0, rows);
    batch.indices = batch.indices.slice(0, rows);
    if (batch.domains.defined()) batch.domains = batch.domains.slice(0, rows);
  }
  const auto width = static_cast<std::size_t>(dataset.sample_shape().numel());
  float* inputs = batch.inputs.data<float>();
  std::int64_t* targets = batch.targets.data<std::int64_t>();
  std::ranges::copy(indices, batch.indices.data<std::int64_t>());
  if (batch.domains.defined())
    std::ranges::transform(indices, batch.domains.data<std::int64_t>(),
                           [&](std::int64_t index) { return dataset.domain(index); });
  for (const std::int64_t index : indices) {
    prepare_sample(dataset, index, preparation, epoch, scratch, {inputs, width});
    *targets++ = dataset.label(index);
    inputs += width;
  }
}

/// What all walks of one loader share; never changes.
struct Plan {
  const Dataset& dataset;
  std::vector<std::int64_t> indices;
  LoaderOptions options;
  Preparation preparation;
  std::vector<std::vector<std::int64_t>> groups;  // of the domains, when batches are balanced

  /// Samples of an epoch.
  std::int64_t size() const {
    return options.balanced ? balanced_size(groups) : static_cast<std::int64_t>(indices.size());
  }
  std::vector<std::int64_t> order(std::int64_t epoch) const {
    if (options.balanced)
      return balanced_order(options.shuffle ? shuffled_groups(groups, options.seed, epoch) : groups,
                            options.batch_size);
    if (!options.shuffle) return indices;
    return shuffled(indices,
                    random_key(options.seed, "shuffle", static_cast<std::uint32_t>(epoch)));
  }
  std::int64_t batches_per_epoch() const {
    const std::int64_t batch = options.batch_size;
    return options.drop_last ? size() / batch : (size() + batch - 1) / batch;
  }
  LoaderPosition after(LoaderPosition position) const {
    const std::int64_t offset = position.offset + options.batch_size;
    if (offset < batches_per_epoch() * options.batch_size) return {position.epoch, offset};
    return {position.epoch + 1, 0};
  }
};

/// The sequence of batches from a position on.
class Walk {
 public:
  Walk(const Plan& plan, LoaderPosition start)
      : plan_(plan),
        position_(start),
        scratch_(static_cast<std::size_t>(plan.dataset.sample_shape().numel())) {}

  void fill(Batch& batch) {
    const LoaderPosition here = position_;
    if (order_epoch_ != here.epoch) {
      order_ = plan_.order(here.epoch);
      order_epoch_ = here.epoch;
    }
    const std::int64_t rows = std::min(plan_.options.batch_size, plan_.size() - here.offset);
    const auto samples = std::span(order_).subspan(static_cast<std::size_t>(here.offset),
                                                   static_cast<std::size_t>(rows));
    fill_batch(plan_.dataset, samples, plan_.preparation, here.epoch, scratch_, batch);
    position_ = plan_.after(here);
  }

 private:
  const Plan& plan_;
  LoaderPosition position_;
  std::vector<float> scratch_;
  std::vector<std::int64_t> order_;
  std::int64_t order_epoch_ = -1;
};

void check_indices(const Dataset& dataset, const std::vector<std::int64_t>& indices) {
  require(!indices.empty(), "Loader: no samples of {} to walk over", dataset.name());
  const auto [first, last] = std::ranges::minmax(indices);
  require(first >= 0 && last < dataset.size(), "Loader: sample {} of {}, 0 to {} wanted",
          first < 0 ? first : last, dataset.name(), dataset.size() - 1);
}

void check_plan(const Plan& plan) {
  const std::string& name = plan.dataset.name();
  const auto domains = static_cast<std::int64_t>(plan.groups.size());
  require(domains == 0 || plan.options.batch_size % domains == 0,
          "Loader: batch size {} does not share out equally over the {} domains of {}",
          plan.options.batch_size, domains, name);
  require(plan.options.batch_size >= 1 && plan.options.batch_size <= plan.size(),
          "Loader: batch size {} for {} samples of {}, 1 to {} wanted", plan.options.batch_size,
          plan.size(), name, plan.size());
  require(plan.options.prefetch >= 0, "Loader: {} batches ahead, at least 0 wanted",
          plan.options.prefetch);
  check(plan.preparation, plan.dataset);
}

}  // namespace

class Loader::Impl {
 public:
  Impl(const Dataset& dataset, std::vector<std::int64_t> indices, LoaderOptions options)
      : plan_{dataset, std::move(indices), std::move(options), {}, {}} {
    check_indices(dataset, plan_.indices);
    if (plan_.options.balanced) plan_.groups = by_domain(dataset, plan_.indices);
    plan_.preparation = {plan_.options.normalization, plan_.options.augmentation,
                         plan_.options.seed};
    check_plan(plan_);
  }

  const Plan& plan() const { return plan_; }
  LoaderPosition position() const { return position_; }

  Batch next() {
    try {
      Batch batch = plan_.options.prefetch > 0 ? prefetched() : prepared_here();
      position_ = plan_.after(position_);
      return batch;
    } catch (...) {
      forget_walk();
      throw;
    }
  }

  void seek(LoaderPosition position) {
    const std::int64_t batch = plan_.options.batch_size;
    require(position.epoch >= 0 && position.epoch <= std::numeric_limits<std::uint32_t>::max() &&
                position.offset >= 0 && position.offset % batch == 0 &&
                position.offset < plan_.batches_per_epoch() * batch,
            "Loader: no batch starts at epoch {}, sample {} (batches of {} from {} samples)",
            position.epoch, position.offset, batch, plan_.size());
    if (position == position_) return;
    forget_walk();
    position_ = position;
  }

 private:
  Batch prefetched() {
    if (!prefetcher_) {
      prefetcher_ = std::make_unique<Prefetcher>(
          plan_.options.prefetch, [this] { return room(); },
          [walk = Walk(plan_, position_)](Batch& batch) mutable { walk.fill(batch); });
    }
    return prefetcher_->next();
  }

  Batch prepared_here() {
    if (!walk_) walk_ = std::make_unique<Walk>(plan_, position_);
    Batch batch = room();
    walk_->fill(batch);
    return batch;
  }

  Batch room() const { return room_for(plan_.options.batch_size, plan_.dataset); }

  /// The next call starts again from position_.
  void forget_walk() {
    prefetcher_.reset();
    walk_.reset();
  }

  Plan plan_;
  LoaderPosition position_;
  std::unique_ptr<Walk> walk_;
  std::unique_ptr<Prefetcher> prefetcher_;
};

Loader::Loader(const Dataset& dataset, std::vector<std::int64_t> indices, LoaderOptions options)
    : impl_(std::make_unique<Impl>(dataset, std::move(indices), std::move(options))) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;

Batch Loader::next() { return impl_->next(); }
std::int64_t Loader::size() const { return impl_->plan().size(); }
std::int64_t Loader::batches_per_epoch() const { return impl_->plan().batches_per_epoch(); }
const LoaderOptions& Loader::options() const { return impl_->plan().options; }
LoaderPosition Loader::position() const { return impl_->position(); }
void Loader::seek(LoaderPosition position) { impl_->seek(position); }

void Loader::visit_state(StateVisitor& visitor, const std::string& prefix) {
  LoaderPosition position = impl_->position();
  visitor.visit(prefix + "epoch", position.epoch);
  visitor.visit(prefix + "offset", position.offset);
  impl_->seek(position);
}

Batch gather(const Dataset& dataset, std::span<const std::int64_t> indices,
             const Normalization& normalization) {
  const Preparation preparation{normalization, {}, 0};
  check(preparation, dataset);
  Batch batch = room_for(static_cast<std::int64_t>(indices.size()), dataset);
  fill_batch(dataset, indices, preparation, 0, {}, batch);
  return batch;
}

void for_each_batch(const Dataset& dataset, std::span<const std::int64_t> indices,
                    std::int64_t batch_size, const Normalization& normalization,
                    const std::function<void(const Batch&)>& visit) {
  require(batch_size >= 1, "for_each_batch: batch size {}, at least 1 wanted", batch_size);
  const auto step = static_cast<std::size_t>(batch_size);
  for (std::size_t begin = 0; begin < indices.size(); begin += step)
    visit(gather(dataset, indices.subspan(begin, std::min(step, indices.size() - begin)),
                 normalization));
}

}  // namespace polder::data
