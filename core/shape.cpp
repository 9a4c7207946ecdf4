#include "polder/core/shape.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "polder/core/error.h"

namespace polder {

Shape::Shape(std::initializer_list<std::int64_t> sizes)
    : Shape(std::span(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  require(sizes.size() <= kMaxRank, "Shape: {} axes, at most {}", sizes.size(), kMaxRank);
  for (const std::int64_t size : sizes) require(size >= 0, "Shape: negative size {}", size);
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  rank_ = static_cast<int>(sizes.size());
}

std::int64_t Shape::numel() const {
  return std::accumulate(sizes_.begin(), sizes_.begin() + rank_, std::int64_t{1},
                         std::multiplies<>());
}

std::int64_t Shape::operator[](int index) const {
  return sizes_[static_cast<std::size_t>(axis(index))];
}

Shape Shape::leading(int count) const {
  require(count >= 0 && count <= rank_, "Shape::leading: {} axes of {}", count, *this);
  return Shape(sizes().first(static_cast<std::size_t>(count)));
}

Shape Shape::trailing(int count) const {
  require(count >= 0 && count <= rank_, "Shape::trailing: {} axes of {}", count, *this);
  return Shape(sizes().last(static_cast<std::size_t>(count)));
}

Shape Shape::with(int index, std::int64_t size) const {
  Shape result = *this;
  result.sizes_[static_cast<std::size_t>(axis(index))] = size;
  return result;
}

Shape Shape::without(int index) const {
  std::vector<std::int64_t> kept(sizes().begin(), sizes().end());
  kept.erase(kept.begin() + axis(index));
  return Shape(kept);
}

int Shape::axis(int index) const {
  const int normalised = index < 0 ? index + rank_ : index;
  require(normalised >= 0 && normalised < rank_, "Shape: axis {} of {}", index, *this);
  return normalised;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape.sizes())
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

}  // namespace polder
