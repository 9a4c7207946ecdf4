#include "polder/app/samples.h"

#include <algorithm>
#include <cmath>

#include "polder/app/domains.h"
#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/data/cifar.h"
#include "polder/data/idx.h"
#include "polder/data/label_noise.h"
#include "polder/data/rotation.h"
#include "polder/data/split.h"
#include "polder/data/synthetic.h"

namespace polder::app {
namespace {

constexpr std::int64_t kSpiralSamples = 1000;

/// A seed of its own for each use, so that no use moves another's numbers.
std::uint64_t seed_for(const Config& config, std::string_view use) {
  const auto words = random_words(random_key(static_cast<std::uint64_t>(config.seed), use), 0);
  return (std::uint64_t{words[0]} << 32) | words[1];
}

template <class Set>
std::unique_ptr<data::Dataset> held(Set set) {
  return std::make_unique<Set>(std::move(set));
}

std::unique_ptr<data::Dataset> load_part(const Config& config, data::Part part) {
  const std::string& name = config.data;
  if (name == "fashion_mnist") return held(data::load_fashion_mnist(part, config.data_dir));
  if (name == "cifar10") return held(data::load_cifar10(part, config.data_dir));
  if (name == "cifar100") return held(data::load_cifar100(part, config.data_dir));
  require(name == "spirals", "data: no set is named {}", name);
  const bool train = part == data::Part::train;
  return held(data::spirals(
      {.samples = kSpiralSamples, .seed = seed_for(config, train ? "spirals" : "spirals/test")}));
}

std::vector<std::int64_t> at(const std::vector<std::int64_t>& values,
                             const std::vector<std::int64_t>& positions) {
  std::vector<std::int64_t> picked;
  picked.reserve(positions.size());
  for (const std::int64_t position : positions)
    picked.push_back(values[static_cast<std::size_t>(position)]);
  return picked;
}

/// A stratified part of `wanted` samples; all of them for 0.
std::vector<std::int64_t> stratified_part(const data::Dataset& dataset, std::int64_t wanted,
                                          std::string_view key, std::uint64_t seed) {
  if (wanted == 0) return data::all_indices(dataset);
  require(wanted <= dataset.size(), "{}: found {}, but {} has {} samples", key, wanted,
          dataset.name(), dataset.size());
  const double share = static_cast<double>(wanted) / static_cast<double>(dataset.size());
  return data::stratified_split(data::labels_of(dataset), std::vector{share, 1.0 - share}, seed)[0];
}

/// The samples `indices`, shared out evenly and stratified over the domains that are `present`.
std::unique_ptr<data::Dataset> in_domains(const data::Dataset& dataset,
                                          const std::vector<std::int64_t>& indices,
                                          const Domains& domains,
                                          const std::vector<std::int64_t>& present,
                                          std::uint64_t seed) {
  const std::vector<double> shares(present.size(), 1.0 / static_cast<double>(present.size()));
  const auto parts = data::stratified_split(at(data::labels_of(dataset), indices), shares, seed);
  std::vector<std::int64_t> domain_of(static_cast<std::size_t>(dataset.size()), present.front());
  for (std::size_t p = 0; p < parts.size(); ++p)
    for (const std::int64_t index : at(indices, parts[p]))
      domain_of[static_cast<std::size_t>(index)] = present[p];
  return std::make_unique<data::RotatedSet>(dataset, domains.angles, std::move(domain_of));
}

}  // namespace

data::Augmentation augmentation_of(const std::string& name, std::int64_t height) {
  data::Augmentation augmentation;
  augmentation.flip = name != "none";
  if (name.starts_with("crop")) augmentation.crop_padding = height / 8;
  if (name.ends_with("cutout")) augmentation.cutout = height / 2;
  return augmentation;
}

Samples::Samples(const Config& config) {
  load(config);
  make_domains(config);
  make_noise(config);
  hold_out(config);
  normalization_ = data::measure_normalization(*training_, training_indices_);
  loader_options_ = {.batch_size = config.batch,
                     .drop_last = true,
                     .balanced = !config.domains.empty(),
                     .normalization = normalization_,
                     .seed = seed_for(config, "loader")};
  if (config.augment == "none") return;
  require(training_->sample_shape().rank() == 3, "augment: found {}, but {} holds no images",
          config.augment, training_->name());
  loader_options_.augmentation = augmentation_of(config.augment, training_->sample_shape()[0]);
}

void Samples::load(const Config& config) {
  clean_ = load_part(config, data::Part::train);
  test_ = load_part(config, data::Part::test);
  training_indices_ =
      stratified_part(*clean_, config.train_size, "train_size", seed_for(config, "train_size"));
  test_indices_ =
      stratified_part(*test_, config.test_size, "test_size", seed_for(config, "test_size"));
}

void Samples::make_domains(const Config& config) {
  const Domains domains = domains_of(config);
  if (domains.angles.empty()) return;
  upright_ = std::move(clean_);
  upright_test_ = std::move(test_);
  clean_ = in_domains(*upright_, training_indices_, domains, domains.trained(),
                      seed_for(config, "domains"));
  test_ = in_domains(*upright_test_, test_indices_, domains, domains.tested(),
                     seed_for(config, "domains/test"));
}

void Samples::make_noise(const Config& config) {
  std::vector<std::int64_t> labels = data::labels_of(*clean_);
  const std::vector<std::int64_t> chosen = at(labels, training_indices_);
  const std::uint64_t seed = seed_for(config, "label_noise");
  const data::NoisyLabels noisy =
      config.label_noise_kind == "asymmetric"
          ? data::asymmetric_noise(chosen, clean_->classes(), config.label_noise, seed)
          : data::symmetric_noise(chosen, clean_->classes(), config.label_noise, seed);
  for (std::size_t i = 0; i < chosen.size(); ++i)
    labels[static_cast<std::size_t>(training_indices_[i])] = noisy.labels[i];
  training_ = std::make_unique<data::RelabelledSet>(*clean_, std::move(labels));
}

void Samples::hold_out(const Config& config) {
  if (config.validation == 0.0) return;
  const std::vector<std::int64_t> labels = at(data::labels_of(*training_), training_indices_);
  const auto parts =
      data::stratified_split(labels, std::vector{1.0 - config.validation, config.validation},
                             seed_for(config, "validation"));
  validation_indices_ = at(training_indices_, parts[1]);
  training_indices_ = at(training_indices_, parts[0]);
  require(!validation_indices_.empty() && !training_indices_.empty(),
          "validation: {} of {} samples leaves {} to train and {} to validate", config.validation,
          labels.size(), training_indices_.size(), validation_indices_.size());
}

data::Loader Samples::training_loader() const {
  return data::Loader(*training_, training_indices_, loader_options_);
}

data::Loader Samples::validation_loader(double share) const {
  data::LoaderOptions options = loader_options_;
  const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(options.batch_size));
  options.batch_size =
      std::clamp(wanted, std::int64_t{1}, static_cast<std::int64_t>(validation_indices_.size()));
  options.balanced = false;
  options.seed ^= 1;
  options.prefetch = 1;
  return data::Loader(*training_, validation_indices_, options);
}

data::Loader Samples::fresh_training_loader() const {
  data::LoaderOptions options = loader_options_;
  options.seed ^= 2;
  options.prefetch = 1;
  return data::Loader(*training_, training_indices_, options);
}

}  // namespace polder::app
