#include "polder/data/rotation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "polder/core/error.h"

namespace polder::data {
namespace {

/// An image of which everything outside is 0.
struct Canvas {
  std::span<const float> image;
  std::int64_t height, width, channels;

  float at(std::int64_t row, std::int64_t column, std::int64_t channel) const {
    if (row < 0 || row >= height || column < 0 || column >= width) return 0.0F;
    return image[static_cast<std::size_t>((row * width + column) * channels + channel)];
  }

  /// Bilinear between the four pixels around (row, column).
  float between(double row, double column, std::int64_t channel) const {
    const double top = std::floor(row), left = std::floor(column);
    const double down = row - top, right = column - left;
    const auto r = static_cast<std::int64_t>(top), c = static_cast<std::int64_t>(left);
    const double above = (1 - right) * at(r, c, channel) + right * at(r, c + 1, channel);
    const double below = (1 - right) * at(r + 1, c, channel) + right * at(r + 1, c + 1, channel);
    return static_cast<float>((1 - down) * above + down * below);
  }
};

}  // namespace

void rotate(std::span<const float> image, const Shape& shape, double degrees,
            std::span<float> out) {
  const Canvas canvas{image, shape[0], shape[1], shape[2]};
  const double angle = degrees * std::numbers::pi / 180.0;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double middle_row = static_cast<double>(canvas.height - 1) / 2.0;
  const double middle_column = static_cast<double>(canvas.width - 1) / 2.0;
  auto next = out.begin();
  for (std::int64_t r = 0; r < canvas.height; ++r)
    for (std::int64_t c = 0; c < canvas.width; ++c) {
      const double dy = static_cast<double>(r) - middle_row;
      const double dx = static_cast<double>(c) - middle_column;
      const double row = middle_row + sine * dx + cosine * dy;
      const double column = middle_column + cosine * dx - sine * dy;
      for (std::int64_t channel = 0; channel < canvas.channels; ++channel)
        *next++ = canvas.between(row, column, channel);
    }
}

RotatedSet::RotatedSet(const Dataset& base, std::vector<double> angles,
                       std::vector<std::int64_t> domain_of)
    : base_(base), angles_(std::move(angles)), domain_of_(std::move(domain_of)) {
  require(base.sample_shape().rank() == 3, "{}: samples {} are no images and cannot be rotated",
          name(), base.sample_shape());
  require(!angles_.empty(), "{}: no angles to rotate by", name());
  for (const double angle : angles_)
    require(std::isfinite(angle), "{}: cannot rotate by {} degrees", name(), angle);
  require(static_cast<std::int64_t>(domain_of_.size()) == base.size(),
          "{}: {} domains for {} samples", name(), domain_of_.size(), base.size());
  const auto wrong = std::ranges::find_if(
      domain_of_, [this](std::int64_t domain) { return domain < 0 || domain >= domains(); });
  require(wrong == domain_of_.end(), "{}: sample {} is of domain {}, domains 0 to {} wanted",
          name(), wrong - domain_of_.begin(), wrong == domain_of_.end() ? 0 : *wrong,
          domains() - 1);
}

std::int64_t RotatedSet::domain(std::int64_t i) const {
  require(i >= 0 && i < size(), "{}: sample {} of {}", name(), i, size());
  return domain_of_[static_cast<std::size_t>(i)];
}

void RotatedSet::read(std::int64_t i, std::span<float> out) const {
  std::vector<float> upright(out.size());
  base_.read(i, upright);
  rotate(upright, sample_shape(), angles_[static_cast<std::size_t>(domain(i))], out);
}

}  // namespace polder::data
