#include "polder/data/augment.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include "data/files.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

using ::testing::HasSubstr;

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_image(const Shape& shape, std::uint64_t seed) {
  std::vector<float> image(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] = 1 + static_cast<float>(uniform(random_key(seed, "augment_test"), i));
  return image;
}

float& at(std::vector<float>& image, const Shape& shape, std::int64_t row, std::int64_t column,
          std::int64_t channel) {
  return image[static_cast<std::size_t>((row * shape[1] + column) * shape[2] + channel)];
}

FloatSet two_images(const Shape& shape, std::uint64_t seed) {
  auto values = random_image(shape, seed);
  const auto second = random_image(shape, seed + 1);
  values.insert(values.end(), second.begin(), second.end());
  return {"two", shape, std::move(values), {0, 1}, 2};
}

// The oracle builds the padded image and cuts the window out of it.
TEST(Crop, IsAWindowOfThePaddedImage) {
  const Shape shape{5, 7, 3};
  for (const std::int64_t padding : {1, 2, 6}) {
    auto image = random_image(shape, static_cast<std::uint64_t>(padding));
    const Shape wide{5 + 2 * padding, 7 + 2 * padding, 3};
    std::vector<float> padded(static_cast<std::size_t>(wide.numel()), 0.0F);
    for (std::int64_t r = 0; r < 5; ++r)
      for (std::int64_t c = 0; c < 7; ++c)
        for (std::int64_t k = 0; k < 3; ++k)
          at(padded, wide, r + padding, c + padding, k) = at(image, shape, r, c, k);
    for (std::int64_t top = 0; top <= 2 * padding; ++top)
      for (std::int64_t left = 0; left <= 2 * padding; ++left) {
        SCOPED_TRACE(fmt::format("padding {}, top {}, left {}", padding, top, left));
        std::vector<float> out(image.size(), kPoison);
        crop(image, shape, padding, top, left, out);
        for (std::int64_t r = 0; r < 5; ++r)
          for (std::int64_t c = 0; c < 7; ++c)
            for (std::int64_t k = 0; k < 3; ++k)
              ASSERT_EQ(at(out, shape, r, c, k), at(padded, wide, top + r, left + c, k));
      }
  }
}

TEST(Flip, MirrorsColumns) {
  for (const std::int64_t width : {1, 4, 5}) {
    const Shape shape{3, width, 2};
    auto image = random_image(shape, 7);
    auto flipped = image;
    flip_horizontally(flipped, shape);
    for (std::int64_t r = 0; r < 3; ++r)
      for (std::int64_t c = 0; c < width; ++c)
        for (std::int64_t k = 0; k < 2; ++k)
          EXPECT_EQ(at(flipped, shape, r, c, k), at(image, shape, r, width - 1 - c, k));
    flip_horizontally(flipped, shape);
    EXPECT_EQ(flipped, image);
  }
}

TEST(Cutout, ClearsTheSquareAndNothingElse) {
  const Shape shape{6, 5, 3};
  const auto image = random_image(shape, 8);
  for (const std::int64_t side : {1, 2, 3, 4, 9})
    for (std::int64_t row = 0; row < 6; ++row)
      for (std::int64_t column = 0; column < 5; ++column) {
        SCOPED_TRACE(fmt::format("side {} at {}, {}", side, row, column));
        auto cut = image;
        cut_out(cut, shape, side, row, column);
        for (std::int64_t r = 0; r < 6; ++r)
          for (std::int64_t c = 0; c < 5; ++c)
            for (std::int64_t k = 0; k < 3; ++k) {
              // Even sides have no middle pixel; they reach one pixel further up and left.
              const bool inside = 2 * (r - row) >= -side - (side % 2 == 0 ? 0 : -1) &&
                                  2 * (r - row) < side && 2 * (c - column) < side &&
                                  2 * (c - column) >= -side - (side % 2 == 0 ? 0 : -1);
              auto original = image;
              ASSERT_EQ(at(cut, shape, r, c, k), inside ? 0.0F : at(original, shape, r, c, k));
            }
      }
}

TEST(Normalization, MeasuresMeanAndDeviationOfEachChannel) {
  const Shape shape{4, 3, 3};
  const FloatSet set = two_images(shape, 9);
  for (const std::vector<std::int64_t>& indices : {std::vector<std::int64_t>{0, 1}, {1}}) {
    const Normalization measured = measure_normalization(set, indices);
    ASSERT_EQ(measured.mean.size(), 3U);
    for (std::size_t c = 0; c < 3; ++c) {
      double sum = 0, squares = 0, count = 0;
      for (const std::int64_t i : indices)
        for (std::size_t j = c; j < 36; j += 3, ++count) {
          sum += set.values(i)[j];
          squares += static_cast<double>(set.values(i)[j]) * set.values(i)[j];
        }
      const double mean = sum / count;
      EXPECT_NEAR(measured.mean[c], mean, 1e-6);
      EXPECT_NEAR(measured.deviation[c], std::sqrt(squares / count - mean * mean), 1e-6);
    }
  }
}

TEST(Normalization, MakesMeanZeroAndDeviationOne) {
  const Shape shape{4, 3, 2};
  const FloatSet set = two_images(shape, 10);
  const Normalization measured = measure_normalization(set, all_indices(set));
  std::vector<float> values;
  for (const std::int64_t i : {0, 1})
    values.insert(values.end(), set.values(i).begin(), set.values(i).end());
  normalize(values, measured);
  for (std::size_t c = 0; c < 2; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t j = c; j < values.size(); j += 2) {
      sum += values[j];
      squares += static_cast<double>(values[j]) * values[j];
    }
    EXPECT_NEAR(sum / 24, 0, 1e-6);
    EXPECT_NEAR(squares / 24, 1, 1e-5);
  }
}

TEST(Normalization, AConstantChannelKeepsDeviationOne) {
  const FloatSet set("flat", Shape{2}, {3, 1, 3, 2}, {0, 0}, 1);
  const Normalization measured = measure_normalization(set, all_indices(set));
  EXPECT_EQ(measured.mean[0], 3.0F);
  EXPECT_EQ(measured.deviation[0], 1.0F);
  EXPECT_EQ(measured.deviation[1], 0.5F);
}

TEST(Draw, IsUniformOverOffsetsFlipsAndCentres) {
  const Augmentation all{.crop_padding = 2, .flip = true, .cutout = 3};
  const Shape shape{4, 6, 1};
  const int n = 30000;
  std::vector<int> top(5), left(5), row(4), column(6);
  int flips = 0;
  for (int i = 0; i < n; ++i) {
    const AugmentationDraw draw = draw_augmentation(all, shape, 5, 1, i);
    ++top.at(static_cast<std::size_t>(draw.top));
    ++left.at(static_cast<std::size_t>(draw.left));
    ++row.at(static_cast<std::size_t>(draw.cut_row));
    ++column.at(static_cast<std::size_t>(draw.cut_column));
    flips += draw.flip;
  }
  const auto expect_even = [&](const std::vector<int>& counts) {
    const double share = n / static_cast<double>(counts.size());
    for (const int count : counts) EXPECT_NEAR(count, share, 5 * std::sqrt(share));
  };
  for (const auto& counts : {top, left, row, column}) expect_even(counts);
  expect_even({flips, n - flips});
}

TEST(Draw, OneAugmentationMovesNoDrawOfAnother) {
  const Shape shape{8, 8, 1};
  const Augmentation all{.crop_padding = 3, .flip = true, .cutout = 2};
  for (std::int64_t i = 0; i < 50; ++i) {
    const auto together = draw_augmentation(all, shape, 3, 2, i);
    EXPECT_EQ(together.flip, draw_augmentation({.flip = true}, shape, 3, 2, i).flip);
    EXPECT_EQ(together.top, draw_augmentation({.crop_padding = 3}, shape, 3, 2, i).top);
    EXPECT_EQ(together.cut_row, draw_augmentation({.cutout = 2}, shape, 3, 2, i).cut_row);
  }
}

TEST(Draw, SeedsEpochsAndSamplesDiffer) {
  const Augmentation wide{.crop_padding = 1000};
  const Shape shape{8, 8, 1};
  std::set<std::int64_t> tops;
  for (const auto& [seed, epoch, index] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}})
    tops.insert(draw_augmentation(wide, shape, static_cast<std::uint64_t>(seed), epoch, index).top);
  EXPECT_EQ(tops.size(), 4U);
}

// Composition and order: crop, flip, normalise, cutout, each by the tested steps above.
TEST(Prepare, AppliesTheDrawInOrder) {
  const Shape shape{6, 5, 2};
  const FloatSet set = two_images(shape, 11);
  const Preparation preparation{.normalization = {{1.5F, 1.25F}, {0.5F, 2.0F}},
                                .augmentation = {.crop_padding = 2, .flip = true, .cutout = 3},
                                .seed = 17};
  int flips = 0;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    std::vector<float> scratch(60, kPoison), out(60, kPoison), wanted(60);
    prepare_sample(set, 1, preparation, epoch, scratch, out);
    const auto draw = draw_augmentation(preparation.augmentation, shape, 17, epoch, 1);
    crop(set.values(1), shape, 2, draw.top, draw.left, wanted);
    if (draw.flip) flip_horizontally(wanted, shape);
    for (std::size_t j = 0; j < 60; ++j)
      wanted[j] = j % 2 == 0 ? (wanted[j] - 1.5F) / 0.5F : (wanted[j] - 1.25F) / 2.0F;
    cut_out(wanted, shape, 3, draw.cut_row, draw.cut_column);
    EXPECT_EQ(out, wanted) << "epoch " << epoch;
    flips += draw.flip;
  }
  EXPECT_GT(flips, 0);
  EXPECT_LT(flips, 20);
}

TEST(Check, NamesWhatDoesNotFit) {
  const FloatSet images = two_images({4, 4, 3}, 12);
  const FloatSet points("points", Shape{2}, {1, 2}, {0}, 1);
  EXPECT_EQ(error_of([&] {
              check({.normalization = {{1.0F}, {1.0F}}}, images);
            }),
            "normalisation of two: 1 means and 1 deviations for 3 channels");
  EXPECT_THAT(error_of([&] {
                check({.normalization = {{0, 0}, {1, 0}}}, points);
              }),
              HasSubstr("deviation 0, a positive number wanted"));
  EXPECT_THAT(error_of([&] { check({.augmentation = {.flip = true}}, points); }),
              HasSubstr("augmentation of points: samples [2]"));
  EXPECT_THAT(error_of([&] { check({.augmentation = {.cutout = -1}}, images); }),
              HasSubstr("cutout -1"));
}

}  // namespace
}  // namespace polder::data
