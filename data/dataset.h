#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "polder/core/shape.h"

namespace polder::data {

/// Samples with class labels. Reading changes nothing, so several threads may read at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual const std::string& name() const = 0;
  /// Number of samples.
  virtual std::int64_t size() const = 0;
  /// Shape of one sample: [height, width, channels] for images.
  virtual Shape sample_shape() const = 0;
  virtual std::int64_t classes() const = 0;
  /// Label of sample i, in [0, classes). Throws Error when i is out of range.
  virtual std::int64_t label(std::int64_t i) const = 0;
  /// Writes the values of sample i. Throws Error when i or the size of `out` is wrong.
  virtual void read(std::int64_t i, std::span<float> out) const = 0;
  /// Number of sources that the samples come from, and that of sample i, in [0, domains).
  virtual std::int64_t domains() const { return 1; }
  virtual std::int64_t domain(std::int64_t) const { return 0; }
};

/// Labels of all samples, and the positions 0 .. size-1.
std::vector<std::int64_t> labels_of(const Dataset& dataset);
std::vector<std::int64_t> all_indices(const Dataset& dataset);

/// Which half of a published data set.
enum class Part { train, test };
std::string_view to_string(Part part);

/// 8-bit images [n, height, width, channels] in memory. `read` gives pixel / 255, in [0, 1].
class ImageSet final : public Dataset {
 public:
  /// `image`: [height, width, channels]. Throws Error when the numbers of pixels and labels
  /// disagree or a label lies outside [0, classes).
  ImageSet(std::string name, const Shape& image, std::vector<std::uint8_t> pixels,
           std::vector<std::int64_t> labels, std::int64_t classes);

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  Shape sample_shape() const override { return image_; }
  std::int64_t classes() const override { return classes_; }
  std::int64_t label(std::int64_t i) const override;
  void read(std::int64_t i, std::span<float> out) const override;

  /// The bytes of image i.
  std::span<const std::uint8_t> pixels(std::int64_t i) const;
  std::span<const std::int64_t> labels() const { return labels_; }

 private:
  std::string name_;
  Shape image_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int64_t> labels_;
  std::int64_t classes_;
};

/// Samples of float32 values [n, sample...] in memory; `read` gives them as they are.
class FloatSet final : public Dataset {
 public:
  /// Throws Error as ImageSet does.
  FloatSet(std::string name, const Shape& sample, std::vector<float> values,
           std::vector<std::int64_t> labels, std::int64_t classes);

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  Shape sample_shape() const override { return sample_; }
  std::int64_t classes() const override { return classes_; }
  std::int64_t label(std::int64_t i) const override;
  void read(std::int64_t i, std::span<float> out) const override;

  std::span<const float> values(std::int64_t i) const;

 private:
  std::string name_;
  Shape sample_;
  std::vector<float> values_;
  std::vector<std::int64_t> labels_;
  std::int64_t classes_;
};

/// The samples of another data set under other labels (label noise). Borrows `base`.
class RelabelledSet final : public Dataset {
 public:
  /// Throws Error when the number of labels is not base.size() or a label is out of range.
  RelabelledSet(const Dataset& base, std::vector<std::int64_t> labels);

  const std::string& name() const override { return base_.name(); }
  std::int64_t size() const override { return base_.size(); }
  Shape sample_shape() const override { return base_.sample_shape(); }
  std::int64_t classes() const override { return base_.classes(); }
  std::int64_t label(std::int64_t i) const override;
  void read(std::int64_t i, std::span<float> out) const override { base_.read(i, out); }
  std::int64_t domains() const override { return base_.domains(); }
  std::int64_t domain(std::int64_t i) const override { return base_.domain(i); }

  const Dataset& clean() const { return base_; }

 private:
  const Dataset& base_;
  std::vector<std::int64_t> labels_;
};

}  // namespace polder::data
