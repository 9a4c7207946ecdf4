#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

/// Plain float64 references: every rule of polder a second time, written from its paper with loops
/// over std::vector<double>. This room includes nothing of the library; agreement is evidence.
namespace polder::reference {

using Vector = std::vector<double>;

inline constexpr double kStabiliser = 1e-12;  // c

inline double dot(const Vector& x, const Vector& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

inline double norm(const Vector& x) { return std::sqrt(dot(x, x)); }

/// x + scale y
inline Vector plus(const Vector& x, double scale, const Vector& y) {
  Vector sum = x;
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] += scale * y[i];
  return sum;
}

inline Vector times(double scale, const Vector& x) {
  Vector y = x;
  for (double& value : y) value *= scale;
  return y;
}

/// x o y
inline Vector product(const Vector& x, const Vector& y) {
  Vector z = x;
  for (std::size_t i = 0; i < x.size(); ++i) z[i] *= y[i];
  return z;
}

/// dir(x) = x / (||x|| + c)
inline Vector direction(const Vector& x) { return times(1.0 / (norm(x) + kStabiliser), x); }

/// perp(x; y) = x - <x, y> / ||y||^2 y; x when y is 0.
inline Vector perpendicular(const Vector& x, const Vector& y) {
  const double square = dot(y, y);
  return square == 0.0 ? x : plus(x, -dot(x, y) / square, y);
}

}  // namespace polder::reference
