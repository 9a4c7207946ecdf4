#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "polder/core/format.h"

namespace polder {

/// Element types. Sums over float32 and bfloat16 are accumulated in at least float32.
enum class DType : std::uint8_t { float32, float64, bfloat16, int64 };

/// Storage type: the upper half of a float32. Arithmetic happens in float32.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  /// Rounds to nearest, ties to even; NaN stays a (quiet) NaN.
  constexpr explicit bfloat16(float value) : bits(round_to_nearest_even(value)) {}
  /// By way of float.
  constexpr explicit bfloat16(double value) : bfloat16(static_cast<float>(value)) {}
  constexpr explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  constexpr explicit operator double() const { return static_cast<float>(*this); }

 private:
  static constexpr std::uint16_t round_to_nearest_even(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((word >> 16) | 0x40U);
    const std::uint32_t rounding = 0x7fffU + ((word >> 16) & 1U);
    return static_cast<std::uint16_t>((word + rounding) >> 16);
  }
};

/// The type that arithmetic on elements of T happens in.
template <class T>
struct ArithmeticType {
  using Type = T;
};
template <>
struct ArithmeticType<bfloat16> {
  using Type = float;
};
template <class T>
using Wide = typename ArithmeticType<T>::Type;

template <class T>
constexpr Wide<T> widen(T value) {
  return static_cast<Wide<T>>(value);
}

/// The type in which sums over elements of this type are handed on: float32 for bfloat16.
constexpr DType accumulation_type(DType dtype) {
  return dtype == DType::bfloat16 ? DType::float32 : dtype;
}

std::size_t size_of(DType dtype);
std::string_view to_string(DType dtype);
constexpr bool is_floating(DType dtype) { return dtype != DType::int64; }

/// The DType of a C++ element type: `dtype_of<float> == DType::float32`.
template <class T>
inline constexpr DType dtype_of = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bfloat16;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::int64;

}  // namespace polder

template <>
struct fmt::formatter<polder::DType> : polder::TextFormatter<polder::DType> {};
