#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace polder::app {

/// Text for HTML and SVG: &, <, >, " and ' as entities.
std::string escaped(std::string_view text);

/// Collects the elements of one SVG picture.
class SvgPicture {
 public:
  SvgPicture(std::string_view title, double width, double height);

  void line(std::string_view style, double x1, double y1, double x2, double y2);
  void path(std::string_view style, int colour, std::string_view commands);
  void dot(std::string_view style, int colour, double x, double y, double radius);
  /// anchor: start, middle or end. colour < 0: the page's text colour.
  void text(std::string_view style, std::string_view anchor, double x, double y,
            std::string_view words, int colour = -1);

  std::string finish() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

}  // namespace polder::app
