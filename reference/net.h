#pragma once

#include <cstdint>
#include <vector>

#include "polder/reference/vector.h"

namespace polder::reference {

/// A labelled sample.
struct Sample {
  Vector x;
  std::size_t label = 0;
  std::size_t index = 0;  // position in the data set
};
using Rows = std::vector<Sample>;

/// One tensor of weights: the positions [begin, end) of the weight vector.
struct Segment {
  enum class Kind { matrix, bias, norm_scale, norm_shift };
  std::size_t begin = 0, end = 0;
  Kind kind = Kind::matrix;

  bool multiplies() const { return kind == Kind::matrix || kind == Kind::norm_scale; }
  bool in_norm() const { return kind == Kind::norm_scale || kind == Kind::norm_shift; }
};

/// z = W2 tanh(gamma n + beta) + b2 with cross-entropy on top, where n is a = W1 x + b1 normalised
/// over its entries: (a - mean) / sqrt(variance + 1e-5). The weights w are one vector: W1 [hidden,
/// inputs] row by row, b1, gamma, beta, W2 [classes, hidden], b2. Gradients by hand.
class Net {
 public:
  Net(std::size_t inputs, std::size_t hidden, std::size_t classes)
      : inputs_(inputs), hidden_(hidden), classes_(classes) {}

  std::size_t weight_count() const { return segments().back().end; }
  std::vector<Segment> segments() const;

  /// Logits z.
  Vector outputs(const Vector& w, const Sample& sample) const;
  /// -log softmax(z)[label], and its gradient by w.
  double loss(const Vector& w, const Sample& sample) const;
  Vector gradient(const Vector& w, const Sample& sample) const;
  /// sum_c seed_c dz_c / dw: the gradient of any loss on the outputs.
  Vector gradient_of_outputs(const Vector& w, const Sample& sample, const Vector& seed) const;

  /// Per-sample losses, their mean, its gradient, and the gradient of (1/n) sum_i omega_i l_i.
  Vector losses(const Vector& w, const Rows& rows) const;
  double mean_loss(const Vector& w, const Rows& rows) const;
  Vector mean_gradient(const Vector& w, const Rows& rows) const;
  Vector weighted_gradient(const Vector& w, const Rows& rows, const Vector& omega) const;
  /// H v of the mean loss at w, exact to rounding: the imaginary part of the gradient at
  /// w + i h v, h so small that h^2 vanishes.
  Vector hessian_product(const Vector& w, const Rows& rows, const Vector& v) const;

 private:
  std::size_t inputs_, hidden_, classes_;
};

Vector softmax(const Vector& z);

}  // namespace polder::reference
