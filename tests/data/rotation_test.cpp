#include "polder/data/rotation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "test_support.h"

namespace polder::data {
namespace {

using Image = std::vector<float>;

Image random_image(const Shape& shape, std::uint64_t seed) {
  Image image(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] = static_cast<float>(uniform(random_key(seed, "rotation_test"), i));
  return image;
}

Image rotated(const Image& image, const Shape& shape, double degrees) {
  Image out(image.size(), std::nanf(""));
  rotate(image, shape, degrees, out);
  return out;
}

/// Every output pixel as a sum over *all* pixels of the image, each a tent of height 1 around its
/// place; turning is a product of complex numbers, y upwards.
Image by_tents(const Image& image, const Shape& shape, double degrees) {
  const auto height = static_cast<double>(shape[0]), width = static_cast<double>(shape[1]);
  const std::complex<double> turn = std::polar(1.0, degrees * std::numbers::pi / 180.0);
  const auto place = [&](std::int64_t r, std::int64_t c) {
    return std::complex<double>(static_cast<double>(c) - (width - 1) / 2,
                                (height - 1) / 2 - static_cast<double>(r));
  };
  const auto tent = [](double x) { return std::max(0.0, 1.0 - std::abs(x)); };
  Image out(image.size());
  for (std::int64_t r = 0; r < shape[0]; ++r)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t k = 0; k < shape[2]; ++k) {
        const std::complex<double> from = place(r, c) / turn;  // turned by +degrees it lands here
        double sum = 0.0;
        for (std::int64_t i = 0; i < shape[0]; ++i)
          for (std::int64_t j = 0; j < shape[1]; ++j) {
            const std::complex<double> distance = from - place(i, j);
            sum += tent(distance.real()) * tent(distance.imag()) *
                   image[static_cast<std::size_t>((i * shape[1] + j) * shape[2] + k)];
          }
        out[static_cast<std::size_t>((r * shape[1] + c) * shape[2] + k)] = static_cast<float>(sum);
      }
  return out;
}

void expect_near(const Image& found, const Image& wanted, double tolerance) {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(found[i], wanted[i], tolerance) << "value " << i;
}

TEST(Rotate, IsTheSumOfTentsForAnyAngleShapeAndChannel) {
  for (const Shape& shape : {Shape{9, 9, 1}, Shape{6, 11, 2}, Shape{7, 4, 3}, Shape{1, 5, 1}})
    for (const double degrees : {0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 123.4, -17.0, 400.0}) {
      SCOPED_TRACE(fmt::format("{} by {}", shape, degrees));
      const Image image = random_image(shape, 3);
      expect_near(rotated(image, shape, degrees), by_tents(image, shape, degrees), 1e-6);
    }
}

TEST(Rotate, NoAngleCopiesBitForBit) {
  const Shape shape{8, 5, 2};
  const Image image = random_image(shape, 1);
  EXPECT_EQ(rotated(image, shape, 0.0), image);
}

TEST(Rotate, AQuarterTurnIsCounterClockwise) {
  const Shape shape{4, 4, 1};
  Image image(16, 0.0F), wanted(16, 0.0F);
  image[3] = 1.0F;   // the top right corner
  wanted[0] = 1.0F;  // comes to the top left
  expect_near(rotated(image, shape, 90.0), wanted, 1e-6);
}

TEST(Rotate, FourQuarterTurnsComeHome) {
  const Shape shape{6, 6, 2};
  const Image image = random_image(shape, 2);
  Image turned = image;
  for (int i = 0; i < 4; ++i) turned = rotated(turned, shape, 90.0);
  expect_near(turned, image, 1e-5);
}

TEST(Rotate, APlaneStaysAPlaneInside) {
  const Shape shape{21, 21, 1};
  Image image;
  for (std::int64_t r = 0; r < 21; ++r)
    for (std::int64_t c = 0; c < 21; ++c) image.push_back(static_cast<float>(3 * c - 2 * r));
  const Image found = rotated(image, shape, 30.0);
  const double cosine = std::sqrt(3.0) / 2.0, sine = 0.5;
  for (std::int64_t r = 6; r < 15; ++r)
    for (std::int64_t c = 6; c < 15; ++c) {
      const auto dx = static_cast<double>(c - 10), dy = static_cast<double>(r - 10);
      const double column = 10 + cosine * dx - sine * dy, row = 10 + sine * dx + cosine * dy;
      EXPECT_NEAR(found[static_cast<std::size_t>(21 * r + c)], 3 * column - 2 * row, 1e-4);
    }
}

// ---- the set ------------------------------------------------------------------------------------

FloatSet some_images() {
  const Shape shape{5, 5, 1};
  Image values;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Image image = random_image(shape, i);
    values.insert(values.end(), image.begin(), image.end());
  }
  return {"some", shape, std::move(values), {0, 1, 2, 0, 1, 2}, 3};
}

TEST(RotatedSet, ShowsEachImageUnderTheAngleOfItsDomain) {
  const FloatSet base = some_images();
  const std::vector<double> angles{0.0, 40.0, -75.0};
  const std::vector<std::int64_t> domains{2, 1, 0, 1, 1, 2};
  const RotatedSet set(base, angles, domains);
  EXPECT_EQ(set.domains(), 3);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const std::int64_t domain = domains[static_cast<std::size_t>(i)];
    const auto upright = base.values(i);
    Image found(25);
    set.read(i, found);
    expect_near(found,
                by_tents({upright.begin(), upright.end()}, set.sample_shape(),
                         angles[static_cast<std::size_t>(domain)]),
                1e-6);
    EXPECT_EQ(set.domain(i), domain);
    EXPECT_EQ(set.label(i), base.label(i));
  }
  const RelabelledSet noisy(set, {1, 1, 1, 1, 1, 1});
  EXPECT_EQ(noisy.domains(), 3);
  EXPECT_EQ(noisy.domain(4), 1);
}

TEST(RotatedSet, RefusesWhatDoesNotFit) {
  const FloatSet base = some_images(), points("points", Shape{2}, Image(4), {0, 1}, 2);
  const std::vector<std::int64_t> domains(6, 0);
  EXPECT_EQ(error_of([&] {
              RotatedSet(points, {0.0}, {0, 0});
            }),
            "points: samples [2] are no images and cannot be rotated");
  EXPECT_EQ(error_of([&] { RotatedSet(base, {}, domains); }), "some: no angles to rotate by");
  EXPECT_EQ(error_of([&] { RotatedSet(base, {INFINITY}, domains); }),
            "some: cannot rotate by inf degrees");
  EXPECT_EQ(error_of([&] { RotatedSet(base, {0.0}, {0, 0}); }), "some: 2 domains for 6 samples");
  EXPECT_EQ(error_of([&] {
              RotatedSet(base, {0.0, 9.0}, {0, 1, 1, 2, 0, 0});
            }),
            "some: sample 3 is of domain 2, domains 0 to 1 wanted");
  EXPECT_EQ(error_of([&] { RotatedSet(base, {0.0}, domains).domain(6); }), "some: sample 6 of 6");
}

}  // namespace
}  // namespace polder::data
