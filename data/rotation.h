#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "polder/data/dataset.h"

namespace polder::data {

/// Turns an image [height, width, channels] counter-clockwise by so many degrees about its centre
/// ((height - 1) / 2, (width - 1) / 2), bilinearly; outside the image there is 0. `out` and `image`
/// do not overlap. 0 degrees copies.
///
///   out(r, c) = image at row r0 + sin t dx + cos t dy, column c0 + cos t dx - sin t dy,
///   with (r0, c0) the centre, dx = c - c0, dy = r - r0
void rotate(std::span<const float> image, const Shape& shape, double degrees, std::span<float> out);

/// The images of another set, each turned by the angle of its domain: domain d is the set as seen
/// under angles[d]. Borrows `base`.
class RotatedSet final : public Dataset {
 public:
  /// `domain_of`: a domain for each sample. Throws Error when the samples are no images, an angle
  /// is not finite, there are none, the number of domains is not base.size(), or one is out of
  /// range.
  RotatedSet(const Dataset& base, std::vector<double> angles, std::vector<std::int64_t> domain_of);

  const std::string& name() const override { return base_.name(); }
  std::int64_t size() const override { return base_.size(); }
  Shape sample_shape() const override { return base_.sample_shape(); }
  std::int64_t classes() const override { return base_.classes(); }
  std::int64_t label(std::int64_t i) const override { return base_.label(i); }
  void read(std::int64_t i, std::span<float> out) const override;
  std::int64_t domains() const override { return static_cast<std::int64_t>(angles_.size()); }
  std::int64_t domain(std::int64_t i) const override;

 private:
  const Dataset& base_;
  std::vector<double> angles_;
  std::vector<std::int64_t> domain_of_;
};

}  // namespace polder::data
