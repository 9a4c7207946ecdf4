#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "polder/core/format.h"

namespace polder {

/// Sizes of a contiguous row-major tensor, at most kMaxRank axes. Rank 0 is a scalar.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  /// Throws Error on more than kMaxRank axes or a negative size.
  Shape(std::initializer_list<std::int64_t> sizes);
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  /// Number of elements; 1 for a scalar.
  std::int64_t numel() const;
  /// Size of an axis; negative axes count from the end. Throws Error when out of range.
  std::int64_t operator[](int axis) const;
  std::span<const std::int64_t> sizes() const {
    return {sizes_.data(), static_cast<std::size_t>(rank_)};
  }

  /// The first `count` axes, and the last `count` axes.
  Shape leading(int count) const;
  Shape trailing(int count) const;
  Shape with(int axis, std::int64_t size) const;
  Shape without(int axis) const;
  /// Normalised axis in [0, rank). Throws Error when out of range.
  int axis(int index) const;

  bool operator==(const Shape& other) const = default;

 private:
  std::array<std::int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

/// "[4, 3]"
std::string to_string(const Shape& shape);

}  // namespace polder

template <>
struct fmt::formatter<polder::Shape> : polder::TextFormatter<polder::Shape> {};
