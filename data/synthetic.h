#pragma once

#include <cstdint>
#include <span>

#include "polder/data/dataset.h"

namespace polder::data {

struct SpiralOptions {
  std::int64_t samples = 1000;
  std::int64_t arms = 2;
  double turns = 1.0;   // how often an arm goes round
  double noise = 0.02;  // standard deviation of the noise on both coordinates
  std::uint64_t seed = 0;
};

/// Interleaved spiral arms in the plane, one class an arm; samples [2], inside the unit disc but
/// for the noise. Sample i belongs to arm i mod arms and lies at radius r, uniform in [0, 1), and
/// angle 2 pi (turns r + arm / arms). Throws Error on fewer samples than arms, no arms, negative
/// noise.
FloatSet spirals(const SpiralOptions& options);

/// A loss landscape with one sharp and one flat minimum of equal depth, everything in closed form.
/// The weights are w = (x, y), x the way along the valley, y in R^(dimension-1) the way across:
///
///   L(w) = h (x^2 - 1)^2 + a(x) |y|^2 / 2,   a(x) = sqrt(s f) (s/f)^(-x/2)
///
/// h = barrier, s = sharp, f = flat. The floor y = 0 is a double well with minima at x = -1 and
/// x = +1, both of loss 0, and a saddle of height h at x = 0. The curvature across falls from
/// a(-1) = s to a(+1) = f. With k = ln(s/f)/2, so that a' = -k a:
///
///   dL/dx  = 4 h x (x^2 - 1) - k a |y|^2 / 2        dL/dy = a y
///   d2L/dx2 = 4 h (3 x^2 - 1) + k^2 a |y|^2 / 2     d2L/dx dy = -k a y     d2L/dy2 = a I
///
/// Hessian eigenvalues at the minima: 8 h along and s (sharp) or f (flat) across.
///
/// What it shows. Noise keeps a trajectory off the floor, where the gradient points across. SAM
/// looks at |y| + rho and so meets dL/dx ~ 4 h x (x^2 - 1) - k a rho^2 / 2: above escape_radius()
/// the second term beats the slope of the barrier everywhere between the sharp minimum and the
/// saddle, and SAM drifts to the flat minimum. SGD with rate < 2/s meets |y|^2 ~ rate * variance /
/// (2 s) only and stays; so does SAM with a radius a few times smaller.
struct Valley {
  std::int64_t dimension = 2;
  double barrier = 0.1;
  double sharp = 100.0;
  double flat = 1.0;

  /// sqrt(2 slope / (k sqrt(s f))), slope = 8 h / (3 sqrt 3) the steepest of the barrier: enough to
  /// leave, as a(x) >= sqrt(s f) up to the saddle. 0.116 for the defaults.
  double escape_radius() const;
};

/// The loss of one sample, l(w) = L(w) + <noise, w>: the gradient noise of a mini-batch does not
/// depend on w. An empty `noise` gives L itself. All functions throw Error on a wrong length.
double valley_loss(const Valley& valley, std::span<const double> w,
                   std::span<const float> noise = {});
void valley_gradient(const Valley& valley, std::span<const double> w, std::span<const float> noise,
                     std::span<double> gradient);
/// product = H(w) v, the same for every sample.
void valley_hessian_product(const Valley& valley, std::span<const double> w,
                            std::span<const double> v, std::span<double> product);

/// The samples of the valley: `samples` (even) rows of normal noise [dimension] with the given
/// standard deviation. Row 2i + 1 is minus row 2i, so that the mean loss is L exactly. Label 0.
/// Throws Error on an odd number of samples, or a valley whose numbers are not positive.
FloatSet valley_samples(const Valley& valley, std::int64_t samples, double noise,
                        std::uint64_t seed);

}  // namespace polder::data
