#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "polder/data/dataset.h"

namespace polder::data {

/// Per-channel normalisation, x <- (x - mean_c) / deviation_c; the channel is the last axis of a
/// sample. Empty vectors leave values as they are.
struct Normalization {
  std::vector<float> mean;
  std::vector<float> deviation;
};

/// Mean and standard deviation (divisor: number of values) of every channel over the given samples,
/// summed in float64. A channel that never varies gets deviation 1.
/// Throws Error without samples.
Normalization measure_normalization(const Dataset& dataset, std::span<const std::int64_t> indices);

/// Random changes of an image, in this order: crop, flip, (normalisation,) cutout.
struct Augmentation {
  /// Pad every side by so many black (0) pixels and crop the original size at a uniform offset.
  std::int64_t crop_padding = 0;
  /// Mirror left and right with probability 1/2.
  bool flip = false;
  /// Side of a square set to the channel mean (0 after normalisation), 0: none. Its centre is
  /// uniform over the pixels, so that it may hang over the border. Source: DeVries, Taylor,
  /// "Improved regularization of convolutional neural networks with cutout", 2017.
  std::int64_t cutout = 0;

  bool none() const { return crop_padding == 0 && !flip && cutout == 0; }
};

/// What chance decided for one image.
struct AugmentationDraw {
  std::int64_t top = 0, left = 0;  // crop offset in the padded image, [0, 2 padding]
  bool flip = false;
  std::int64_t cut_row = 0, cut_column = 0;  // centre of the cutout
};

/// The draw is a function of its arguments alone: it depends neither on batch order nor threads,
/// and switching one augmentation on changes no draw of another.
AugmentationDraw draw_augmentation(const Augmentation& augmentation, const Shape& image,
                                   std::uint64_t seed, std::int64_t epoch, std::int64_t index);

// The steps. Images are [height, width, channels]; `out` and `image` do not overlap.
void crop(std::span<const float> image, const Shape& shape, std::int64_t padding, std::int64_t top,
          std::int64_t left, std::span<float> out);
void flip_horizontally(std::span<float> image, const Shape& shape);
void normalize(std::span<float> values, const Normalization& normalization);
void cut_out(std::span<float> image, const Shape& shape, std::int64_t side, std::int64_t row,
             std::int64_t column);

/// How a sample becomes a row of a batch.
struct Preparation {
  Normalization normalization = {};
  Augmentation augmentation = {};
  std::uint64_t seed = 0;
};

/// Throws Error when the preparation does not fit the samples: channels differ in number, a
/// deviation is not positive, augmentation of something that is no image, negative sizes.
void check(const Preparation& preparation, const Dataset& dataset);

/// Sample `index` as epoch `epoch` sees it. `scratch` and `out` have the size of a sample.
void prepare_sample(const Dataset& dataset, std::int64_t index, const Preparation& preparation,
                    std::int64_t epoch, std::span<float> scratch, std::span<float> out);

}  // namespace polder::data
