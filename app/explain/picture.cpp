#include "polder/app/explain/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "polder/app/report/svg.h"

namespace polder::app {
namespace {

constexpr double kPanel = 420, kGap = 24, kTop = 44, kBottom = 28;
constexpr const char* kColours[] = {"#0b62a4", "#b5482b", "#2f7d4f",
                                    "#7a4fa3", "#8a6d00", "#5c6670"};
constexpr const char* kPlain = "#8a8f98";

const char* colour_of(const std::vector<NamedWalk>& walks, std::size_t i) {
  if (walks[i].name == "none") return kPlain;
  return kColours[i % std::size(kColours)];
}

/// A square window on the weights, drawn as a square on the page.
struct Window {
  Point low{}, high{};
  double left = 0;

  double x(Point w) const { return left + (w[0] - low[0]) / (high[0] - low[0]) * kPanel; }
  double y(Point w) const { return kTop + (high[1] - w[1]) / (high[1] - low[1]) * kPanel; }
  std::string at(Point w) const { return fmt::format("{:.1f},{:.1f}", x(w), y(w)); }
};

void include(Window& window, Point w) {
  for (std::size_t i = 0; i < 2; ++i) {
    window.low[i] = std::min(window.low[i], w[i]);
    window.high[i] = std::max(window.high[i], w[i]);
  }
}

/// Square, with a margin around.
Window widened(Window window, double margin) {
  const double side =
      std::max({window.high[0] - window.low[0], window.high[1] - window.low[1], 1e-6}) *
      (1 + 2 * margin);
  for (std::size_t i = 0; i < 2; ++i) {
    const double middle = (window.low[i] + window.high[i]) / 2;
    window.low[i] = middle - side / 2;
    window.high[i] = middle + side / 2;
  }
  return window;
}

Window empty_window(double left) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  return {{kFar, kFar}, {-kFar, -kFar}, left};
}

Window window_on(const std::vector<NamedWalk>& walks, const ProductData& data) {
  Window window = empty_window(0);
  for (const NamedWalk& walk : walks)
    for (const Update& update : walk.updates) {
      include(window, update.before);
      include(window, update.after);
    }
  const double middle = std::sqrt(data.best_product());
  include(window, {middle, middle});
  return widened(window, 0.06);
}

Window window_on(const Update& update) {
  Window window = empty_window(kPanel + kGap);
  include(window, update.before);
  include(window, update.after);
  for (const Look& look : update.looks) include(window, look.at);
  return widened(window, 0.25);
}

// ---- lines of equal loss ------------------------------------------------------------------------

/// The line of equal loss through a grid of cells, by linear interpolation on their edges.
std::string contour(const Window& window, double level, const std::vector<double>& values,
                    std::size_t side) {
  std::string path;
  const auto corner = [&](std::size_t i, std::size_t j) {
    const auto share = [&](std::size_t k) {
      return static_cast<double>(k) / static_cast<double>(side - 1);
    };
    return Point{window.low[0] + share(i) * (window.high[0] - window.low[0]),
                 window.low[1] + share(j) * (window.high[1] - window.low[1])};
  };
  for (std::size_t i = 0; i + 1 < side; ++i)
    for (std::size_t j = 0; j + 1 < side; ++j) {
      const std::size_t cell[4][2] = {{i, j}, {i + 1, j}, {i + 1, j + 1}, {i, j + 1}};
      std::vector<Point> crossings;
      for (std::size_t e = 0; e < 4; ++e) {
        const auto& from = cell[e];
        const auto& to = cell[(e + 1) % 4];
        const double a = values[from[0] * side + from[1]], b = values[to[0] * side + to[1]];
        if ((a < level) == (b < level)) continue;
        const double t = (level - a) / (b - a);
        const Point p = corner(from[0], from[1]), q = corner(to[0], to[1]);
        crossings.push_back({p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])});
      }
      for (std::size_t k = 0; k + 1 < crossings.size(); k += 2)
        path += fmt::format("M{}L{}", window.at(crossings[k]), window.at(crossings[k + 1]));
    }
  return path;
}

std::string landscape(const Window& window, const ProductData& data) {
  constexpr std::size_t kSide = 61;
  constexpr int kLevels = 12;
  std::vector<double> values;
  for (std::size_t i = 0; i < kSide; ++i)
    for (std::size_t j = 0; j < kSide; ++j)
      values.push_back(data.loss(
          {window.low[0] + static_cast<double>(i) / (kSide - 1) * (window.high[0] - window.low[0]),
           window.low[1] +
               static_cast<double>(j) / (kSide - 1) * (window.high[1] - window.low[1])}));
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  std::string svg;
  for (int level = 1; level <= kLevels; ++level) {
    const double share = std::pow(static_cast<double>(level) / (kLevels + 1), 2.0);  // dense below
    svg += fmt::format("<path class=\"level\" d=\"{}\"/>\n",
                       contour(window, *least + share * (*most - *least), values, kSide));
  }
  return svg;
}

/// The minima: a b = p.
std::string hyperbola(const Window& window, const ProductData& data) {
  const double product = data.best_product();
  std::string points;
  for (double a = std::max(window.low[0], 0.02); a <= window.high[0];
       a += (window.high[0] - window.low[0]) / 200) {
    const Point w{a, product / a};
    if (w[1] >= window.low[1] && w[1] <= window.high[1]) points += fmt::format("{} ", window.at(w));
  }
  return points.empty() ? "" : fmt::format("<polyline class=\"minima\" points=\"{}\"/>\n", points);
}

/// Where on it a = b: the flattest of the minima.
std::string flattest(const Window& window, const ProductData& data) {
  const double middle = std::sqrt(data.best_product());
  const double x = window.x({middle, middle}), y = window.y({middle, middle});
  return fmt::format("<path class=\"flattest\" d=\"M{:.1f},{:.1f}l6,6l-6,6l-6,-6z\"/>\n", x, y - 6);
}

// ---- the page -----------------------------------------------------------------------------------

std::string text(double x, double y, std::string_view kind, std::string_view words,
                 std::string_view colour = "#22262c") {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n", kind,
                     x, y, colour, escaped(words));
}

std::string frame(const Window& window) {
  return fmt::format(
      "<rect class=\"frame\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n"
      "<clipPath id=\"panel{:.0f}\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.0f}\" "
      "height=\"{:.0f}\"/></clipPath>\n",
      window.left, kTop, kPanel, kPanel, window.left, window.left, kTop, kPanel, kPanel);
}

std::string axes(const Window& window) {
  return text(window.left + 2, kTop + kPanel + 16, "small",
              fmt::format("a from {:.2f}", window.low[0])) +
         text(window.left + kPanel - 92, kTop + kPanel + 16, "small",
              fmt::format("a to {:.2f}", window.high[0])) +
         text(window.left + 4, kTop + 14, "small", fmt::format("b to {:.2f}", window.high[1])) +
         text(window.left + 4, kTop + kPanel - 5, "small",
              fmt::format("b from {:.2f}", window.low[1]));
}

std::string polyline(const Window& window, const NamedWalk& walk, const char* colour,
                     double width) {
  std::string points = window.at(walk.updates.front().before);
  for (const Update& update : walk.updates) points += fmt::format(" {}", window.at(update.after));
  return fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
      "stroke-linejoin=\"round\"/>\n",
      points, colour, width);
}

std::string dot(const Window& window, Point w, double radius, std::string_view fill,
                std::string_view stroke = "none") {
  return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" stroke=\"{}\"/>\n",
                     window.x(w), window.y(w), radius, fill, stroke);
}

std::string arrow(const Window& window, Point from, Point to, std::string_view kind,
                  std::string_view colour) {
  return fmt::format(
      "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
      "marker-end=\"url(#tip)\"/>\n",
      kind, window.x(from), window.y(from), window.x(to), window.y(to), colour);
}

std::string walks_over(const Window& window, const std::vector<NamedWalk>& walks,
                       const ProductData& data) {
  std::string svg =
      frame(window) + fmt::format("<g clip-path=\"url(#panel{:.0f})\">\n", window.left);
  svg += landscape(window, data) + hyperbola(window, data) + flattest(window, data);
  for (std::size_t i = walks.size(); i-- > 0;)
    svg += polyline(window, walks[i], colour_of(walks, i), i == 0 ? 2.5 : 1.5);
  for (std::size_t i = walks.size(); i-- > 0;)
    svg += dot(window, walks[i].updates.back().after, 4, colour_of(walks, i));
  svg += dot(window, walks.front().updates.front().before, 4, "white", "#22262c");
  return svg + "</g>\n" + axes(window);
}

std::string names(const std::vector<NamedWalk>& walks) {
  std::string svg;
  double x = 0;
  for (std::size_t i = 0; i < walks.size(); ++i) {
    const std::string name = walks[i].name == "none" ? "none (plain SGD)" : walks[i].name;
    svg += text(x, 20, "name", name, colour_of(walks, i));
    x += 9.5 * static_cast<double>(name.size()) + 20;
  }
  return svg + text(0, 37, "small",
                    "Loss of the logit a·b·x. Dashed: its minima, flattest at ◇. Open dot: start.");
}

/// One update, enlarged: where the rule looked from, and the step it made.
std::string close_up(const Window& window, const Update& update, const char* colour,
                     const ProductData& data) {
  std::string svg =
      frame(window) + fmt::format("<g clip-path=\"url(#panel{:.0f})\">\n", window.left);
  svg += landscape(window, data) + hyperbola(window, data) + flattest(window, data);
  Point last = update.before;
  for (const Look& look : update.looks) {
    if (look.at == update.before || look.at == last) continue;
    svg += arrow(window, update.before, look.at, "look", "#b5482b");
    svg += dot(window, look.at, 3.5, "white", "#b5482b");
    last = look.at;
  }
  svg += arrow(window, update.before, update.after, "move", colour);
  svg += dot(window, update.before, 4, "white", "#22262c");
  svg += "</g>\n" + axes(window);
  return svg + text(window.left, 20, "name", fmt::format("update {}", update.step), colour) +
         text(window.left, 37, "small",
              "Dotted: to where the rule looks. Solid: the step it makes.");
}

std::string document(double width, const std::string& title, const std::string& body) {
  const double height = kTop + kPanel + kBottom;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 -4 {0:.0f} {1:.0f}\" "
      "role=\"img\" aria-label=\"{2}\" font-family=\"system-ui, sans-serif\">\n<title>{2}</title>\n"
      "<style>.level{{fill:none;stroke:#c9ced6;stroke-width:1}}"
      ".minima{{fill:none;stroke:#4b525c;stroke-width:1.5;stroke-dasharray:5 4}}"
      ".flattest{{fill:white;stroke:#4b525c;stroke-width:1.5}}"
      ".frame{{fill:none;stroke:#aab0b8}}.name{{font-size:15px;font-weight:600}}.small{{font-size:"
      "12px}}"
      ".look{{stroke-width:1.5;stroke-dasharray:2 3}}.move{{stroke-width:2.5}}"
      "@media (prefers-reduced-motion: reduce){{.moving{{display:none}}}}</style>\n"
      "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" "
      "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
      "fill=\"context-stroke\"/></marker>"
      "</defs>\n<rect x=\"-12\" y=\"-4\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "fill=\"white\"/>\n{3}</svg>\n",
      width + 24, height + 8, escaped(title), body);
}

// ---- the animation ------------------------------------------------------------------------------

/// Positions that a dot takes one after the other, for SMIL.
struct Frames {
  std::string x, y;
  std::size_t count = 0;

  void add(const Window& window, Point w) {
    const char* separator = count++ == 0 ? "" : ";";
    x += fmt::format("{}{:.1f}", separator, window.x(w));
    y += fmt::format("{}{:.1f}", separator, window.y(w));
  }
};

std::string moving_dot(const Frames& frames, double seconds, double radius, std::string_view fill,
                       std::string_view stroke, std::string_view mode) {
  const auto animate = [&](std::string_view name, const std::string& values) {
    return fmt::format(
        "<animate attributeName=\"{}\" values=\"{}\" dur=\"{:.1f}s\" calcMode=\"{}\" "
        "repeatCount=\"indefinite\"/>",
        name, values, seconds, mode);
  };
  return fmt::format(
      "<circle class=\"moving\" r=\"{}\" fill=\"{}\" stroke=\"{}\" "
      "stroke-width=\"2\">{}{}</circle>\n",
      radius, fill, stroke, animate("cx", frames.x), animate("cy", frames.y));
}

}  // namespace

std::string picture_of(const std::vector<NamedWalk>& walks, std::size_t shown,
                       const ProductData& data) {
  const Update& update = walks.front().updates.at(shown);
  const std::string body = names(walks) + walks_over(window_on(walks, data), walks, data) +
                           close_up(window_on(update), update, colour_of(walks, 0), data);
  return document(2 * kPanel + kGap, fmt::format("{} on two weights", walks.front().name), body);
}

std::string animation_of(const std::vector<NamedWalk>& walks, const ProductData& data) {
  constexpr double kSecondsPerStep = 0.3;
  const Window window = window_on(walks, data);
  Frames walker, looker;
  for (const Update& update : walks.front().updates) {
    // Three beats a step: it stands and looks, comes home, and has moved.
    Point look = update.before;
    for (const Look& seen : update.looks)
      if (seen.at != update.before) look = seen.at;
    for (const Point w : {update.before, update.before, update.after}) walker.add(window, w);
    for (const Point w : {look, look, update.after}) looker.add(window, w);
  }
  const double seconds = kSecondsPerStep * static_cast<double>(walks.front().updates.size());
  const char* colour = colour_of(walks, 0);
  const std::string body = names(walks) + walks_over(window, walks, data) +
                           moving_dot(looker, seconds, 5, "white", "#b5482b", "discrete") +
                           moving_dot(walker, seconds, 6, colour, "white", "linear");
  return document(kPanel, fmt::format("{} on two weights, step by step", walks.front().name), body);
}

}  // namespace polder::app
