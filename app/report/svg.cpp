#include "polder/app/report/svg.h"

namespace polder::app {

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

SvgPicture::SvgPicture(std::string_view title, double width, double height)
    : body_(fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", width,
                        height, escaped(title))) {}

void SvgPicture::line(std::string_view style, double x1, double y1, double x2, double y2) {
  body_ +=
      fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                  style, x1, y1, x2, y2);
}

void SvgPicture::path(std::string_view style, int colour, std::string_view commands) {
  body_ += fmt::format("<path class=\"{} c{}\" d=\"{}\"/>\n", style, colour, commands);
}

void SvgPicture::dot(std::string_view style, int colour, double x, double y, double radius) {
  body_ += fmt::format("<circle class=\"{} c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"/>\n",
                       style, colour, x, y, radius);
}

void SvgPicture::text(std::string_view style, std::string_view anchor, double x, double y,
                      std::string_view words, int colour) {
  const std::string paint = colour < 0 ? "" : fmt::format(" c{}", colour);
  body_ +=
      fmt::format("<text class=\"{}{}\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                  style, paint, anchor, x, y, escaped(words));
}

}  // namespace polder::app
