#include "polder/data/augment.h"

#include <algorithm>
#include <cmath>

#include "polder/core/error.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

std::size_t channels_of(const Dataset& dataset) {
  const Shape sample = dataset.sample_shape();
  return sample.rank() == 0 ? 1 : static_cast<std::size_t>(sample[-1]);
}

}  // namespace

Normalization measure_normalization(const Dataset& dataset, std::span<const std::int64_t> indices) {
  require(!indices.empty(), "measure_normalization: no samples of {}", dataset.name());
  const std::size_t channels = channels_of(dataset);
  std::vector<float> sample(static_cast<std::size_t>(dataset.sample_shape().numel()));
  const std::size_t values_per_channel = indices.size() * (sample.size() / channels);
  const auto count = static_cast<double>(values_per_channel);

  // Two passes: the squares are summed about the mean, which loses nothing to cancellation.
  const auto mean_over_channels = [&](const auto& term) {
    std::vector<double> sums(channels, 0.0);
    for (const std::int64_t i : indices) {
      dataset.read(i, sample);
      for (std::size_t j = 0; j < sample.size(); ++j)
        sums[j % channels] += term(static_cast<double>(sample[j]), j % channels);
    }
    for (double& sum : sums) sum /= count;
    return sums;
  };
  const auto mean = mean_over_channels([](double x, std::size_t) { return x; });
  const auto variance =
      mean_over_channels([&](double x, std::size_t c) { return (x - mean[c]) * (x - mean[c]); });

  Normalization result;
  for (std::size_t c = 0; c < channels; ++c) {
    result.mean.push_back(static_cast<float>(mean[c]));
    result.deviation.push_back(variance[c] > 0 ? static_cast<float>(std::sqrt(variance[c])) : 1.0F);
  }
  return result;
}

AugmentationDraw draw_augmentation(const Augmentation& augmentation, const Shape& image,
                                   std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  const auto step = static_cast<std::uint32_t>(epoch);
  const auto sample = static_cast<std::uint64_t>(index);
  const auto pick = [&](std::uint32_t word, std::int64_t bound) {
    return static_cast<std::int64_t>((word * static_cast<std::uint64_t>(bound)) >> 32);
  };
  AugmentationDraw draw;
  if (augmentation.crop_padding > 0) {
    const auto words = random_words(random_key(seed, "augment/crop", step), sample);
    draw.top = pick(words[0], 2 * augmentation.crop_padding + 1);
    draw.left = pick(words[1], 2 * augmentation.crop_padding + 1);
  }
  if (augmentation.flip)
    draw.flip = random_words(random_key(seed, "augment/flip", step), sample)[0] >> 31 != 0;
  if (augmentation.cutout > 0) {
    const auto words = random_words(random_key(seed, "augment/cutout", step), sample);
    draw.cut_row = pick(words[0], image[0]);
    draw.cut_column = pick(words[1], image[1]);
  }
  return draw;
}

void crop(std::span<const float> image, const Shape& shape, std::int64_t padding, std::int64_t top,
          std::int64_t left, std::span<float> out) {
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  std::ranges::fill(out, 0.0F);
  // Row r of the result is row r + top - padding of the image; likewise columns.
  const std::int64_t down = top - padding, right = left - padding;
  const std::int64_t first = std::max<std::int64_t>(0, -right);
  const std::int64_t last = std::min(width, width - right);
  for (std::int64_t row = std::max<std::int64_t>(0, -down); row < std::min(height, height - down);
       ++row) {
    if (first >= last) return;
    std::copy_n(image.data() + ((row + down) * width + first + right) * channels,
                (last - first) * channels, out.data() + (row * width + first) * channels);
  }
}

void flip_horizontally(std::span<float> image, const Shape& shape) {
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  for (std::int64_t row = 0; row < height; ++row) {
    float* const line = image.data() + row * width * channels;
    for (std::int64_t left = 0, right = width - 1; left < right; ++left, --right)
      std::swap_ranges(line + left * channels, line + (left + 1) * channels,
                       line + right * channels);
  }
}

void normalize(std::span<float> values, const Normalization& normalization) {
  const std::size_t channels = normalization.mean.size();
  if (channels == 0) return;
  for (std::size_t i = 0; i < values.size(); i += channels)
    for (std::size_t c = 0; c < channels; ++c)
      values[i + c] = (values[i + c] - normalization.mean[c]) / normalization.deviation[c];
}

void cut_out(std::span<float> image, const Shape& shape, std::int64_t side, std::int64_t row,
             std::int64_t column) {
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  const auto inside = [](std::int64_t position, std::int64_t size) {
    return std::clamp<std::int64_t>(position, 0, size);
  };
  const std::int64_t top = inside(row - side / 2, height);
  const std::int64_t bottom = inside(row - side / 2 + side, height);
  const std::int64_t left = inside(column - side / 2, width);
  const std::int64_t right = inside(column - side / 2 + side, width);
  for (std::int64_t r = top; r < bottom; ++r)
    std::fill_n(image.data() + (r * width + left) * channels, (right - left) * channels, 0.0F);
}

void check(const Preparation& preparation, const Dataset& dataset) {
  const auto& [normalization, augmentation, seed] = preparation;
  const Shape sample = dataset.sample_shape();
  const std::size_t channels = channels_of(dataset);
  require(normalization.mean.size() == normalization.deviation.size() &&
              (normalization.mean.empty() || normalization.mean.size() == channels),
          "normalisation of {}: {} means and {} deviations for {} channels", dataset.name(),
          normalization.mean.size(), normalization.deviation.size(), channels);
  for (const float deviation : normalization.deviation)
    require(deviation > 0 && std::isfinite(deviation),
            "normalisation of {}: deviation {}, a positive number wanted", dataset.name(),
            deviation);
  require(augmentation.crop_padding >= 0 && augmentation.cutout >= 0,
          "augmentation of {}: crop padding {} and cutout {}, at least 0 wanted", dataset.name(),
          augmentation.crop_padding, augmentation.cutout);
  require(augmentation.none() || sample.rank() == 3,
          "augmentation of {}: samples {}, images [height, width, channels] wanted", dataset.name(),
          sample);
}

void prepare_sample(const Dataset& dataset, std::int64_t index, const Preparation& preparation,
                    std::int64_t epoch, std::span<float> scratch, std::span<float> out) {
  const Augmentation& augmentation = preparation.augmentation;
  if (augmentation.none()) {
    dataset.read(index, out);
    normalize(out, preparation.normalization);
    return;
  }
  const Shape image = dataset.sample_shape();
  const auto draw = draw_augmentation(augmentation, image, preparation.seed, epoch, index);
  if (augmentation.crop_padding > 0) {
    dataset.read(index, scratch);
    crop(scratch, image, augmentation.crop_padding, draw.top, draw.left, out);
  } else {
    dataset.read(index, out);
  }
  if (draw.flip) flip_horizontally(out, image);
  normalize(out, preparation.normalization);
  if (augmentation.cutout > 0)
    cut_out(out, image, augmentation.cutout, draw.cut_row, draw.cut_column);
}

}  // namespace polder::data
