#include "polder/data/dataset.h"

#include <algorithm>
#include <numeric>

#include "polder/core/error.h"

namespace polder::data {
namespace {

void check_labels(const std::string& name, std::span<const std::int64_t> labels,
                  std::int64_t classes) {
  require(classes > 0, "{}: {} classes, at least 1 wanted", name, classes);
  const auto wrong = std::ranges::find_if(
      labels, [=](std::int64_t label) { return label < 0 || label >= classes; });
  require(wrong == labels.end(), "{}: sample {} has label {}, labels 0 to {} wanted", name,
          wrong - labels.begin(), wrong == labels.end() ? 0 : *wrong, classes - 1);
}

void check_sizes(const std::string& name, const Shape& sample, std::size_t values,
                 std::size_t labels) {
  require(sample.numel() > 0, "{}: samples {} hold no values", name, sample);
  require(values == labels * static_cast<std::size_t>(sample.numel()),
          "{}: {} values for {} labels, {} a sample wanted", name, values, labels, sample.numel());
}

void check_index(const std::string& name, std::int64_t i, std::int64_t size) {
  require(i >= 0 && i < size, "{}: sample {} of {}", name, i, size);
}

template <class T>
std::span<const T> row(const std::vector<T>& values, std::int64_t i, const Shape& sample) {
  const auto width = static_cast<std::size_t>(sample.numel());
  return std::span(values).subspan(static_cast<std::size_t>(i) * width, width);
}

void check_out(const std::string& name, const Shape& sample, std::size_t found) {
  require(static_cast<std::int64_t>(found) == sample.numel(),
          "{}: room for {} values, a sample {} has {}", name, found, sample, sample.numel());
}

}  // namespace

std::string_view to_string(Part part) { return part == Part::train ? "train" : "test"; }

std::vector<std::int64_t> labels_of(const Dataset& dataset) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(dataset.size()));
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = dataset.label(static_cast<std::int64_t>(i));
  return labels;
}

std::vector<std::int64_t> all_indices(const Dataset& dataset) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.size()));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

ImageSet::ImageSet(std::string name, const Shape& image, std::vector<std::uint8_t> pixels,
                   std::vector<std::int64_t> labels, std::int64_t classes)
    : name_(std::move(name)),
      image_(image),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      classes_(classes) {
  require(image_.rank() == 3, "{}: images {}, [height, width, channels] wanted", name_, image_);
  check_sizes(name_, image_, pixels_.size(), labels_.size());
  check_labels(name_, labels_, classes_);
}

std::int64_t ImageSet::label(std::int64_t i) const {
  check_index(name_, i, size());
  return labels_[static_cast<std::size_t>(i)];
}

std::span<const std::uint8_t> ImageSet::pixels(std::int64_t i) const {
  check_index(name_, i, size());
  return row(pixels_, i, image_);
}

void ImageSet::read(std::int64_t i, std::span<float> out) const {
  check_out(name_, image_, out.size());
  std::ranges::transform(pixels(i), out.begin(),
                         [](std::uint8_t pixel) { return static_cast<float>(pixel) / 255.0F; });
}

FloatSet::FloatSet(std::string name, const Shape& sample, std::vector<float> values,
                   std::vector<std::int64_t> labels, std::int64_t classes)
    : name_(std::move(name)),
      sample_(sample),
      values_(std::move(values)),
      labels_(std::move(labels)),
      classes_(classes) {
  check_sizes(name_, sample_, values_.size(), labels_.size());
  check_labels(name_, labels_, classes_);
}

std::int64_t FloatSet::label(std::int64_t i) const {
  check_index(name_, i, size());
  return labels_[static_cast<std::size_t>(i)];
}

std::span<const float> FloatSet::values(std::int64_t i) const {
  check_index(name_, i, size());
  return row(values_, i, sample_);
}

void FloatSet::read(std::int64_t i, std::span<float> out) const {
  check_out(name_, sample_, out.size());
  std::ranges::copy(values(i), out.begin());
}

RelabelledSet::RelabelledSet(const Dataset& base, std::vector<std::int64_t> labels)
    : base_(base), labels_(std::move(labels)) {
  require(static_cast<std::int64_t>(labels_.size()) == base_.size(),
          "{}: {} new labels for {} samples", name(), labels_.size(), base_.size());
  check_labels(name(), labels_, classes());
}

std::int64_t RelabelledSet::label(std::int64_t i) const {
  check_index(name(), i, size());
  return labels_[static_cast<std::size_t>(i)];
}

}  // namespace polder::data
