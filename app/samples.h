#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "polder/app/config.h"
#include "polder/data/augment.h"
#include "polder/data/dataset.h"
#include "polder/data/loader.h"

namespace polder::app {

/// The samples of a run. Everything is decided by the configuration: size, noise and split by its
/// seed, so that two rules with one seed see the same samples in the same order.
///
/// Order: a stratified part of the training samples; their domains, stratified shares of it that
/// are shown under an angle each, while all test samples are shown under the angle left out; label
/// noise; then a stratified part held out for validation. The held-out labels are as noisy as the
/// others, as they would be in life.
class Samples {
 public:
  /// Throws Error when the files are missing or broken or the sizes do not fit.
  explicit Samples(const Config& config);

  /// Training samples under the labels that training sees, and test samples.
  const data::Dataset& training() const { return *training_; }
  const data::Dataset& test() const { return *test_; }

  const std::vector<std::int64_t>& training_indices() const { return training_indices_; }
  const std::vector<std::int64_t>& validation_indices() const { return validation_indices_; }
  const std::vector<std::int64_t>& test_indices() const { return test_indices_; }
  /// Measured on the training indices.
  const data::Normalization& normalization() const { return normalization_; }

  /// Endless batches of the training and of the held-out samples, augmented alike. Training batches
  /// hold the same number of samples of every domain.
  data::Loader training_loader() const;
  /// `share`: rows of a validation batch as a share of the training batch.
  data::Loader validation_loader(double share = 1.0) const;
  /// A second walk over the training samples, in an order of its own.
  data::Loader fresh_training_loader() const;

 private:
  void load(const Config& config);
  void make_domains(const Config& config);
  void make_noise(const Config& config);
  void hold_out(const Config& config);

  std::unique_ptr<data::Dataset> upright_, upright_test_;  // under the domains, when there are any
  std::unique_ptr<data::Dataset> clean_, training_, test_;
  std::vector<std::int64_t> training_indices_, validation_indices_, test_indices_;
  data::Normalization normalization_;
  data::LoaderOptions loader_options_;
};

/// "none", "flip", "crop_flip", "crop_flip_cutout" for images of this height.
data::Augmentation augmentation_of(const std::string& name, std::int64_t height);

}  // namespace polder::app
