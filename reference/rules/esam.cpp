#include <algorithm>
#include <numeric>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

/// Positions of the k largest, ties to the lower one, in ascending order.
std::vector<std::size_t> largest(const Vector& values, std::size_t k) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

struct Esam : Rule {
  double rho, beta, gamma;
  bool by_segment;
  Esam(double radius, double weights, double samples, bool segments)
      : rho(radius), beta(weights), gamma(samples), by_segment(segments) {}

  Vector mask(const Step& step) const {
    Vector m(step.net.weight_count());
    if (!by_segment)
      for (std::size_t i = 0; i < m.size(); ++i)
        m[i] = step.draws.weight_uniform("esam/mask", i) < beta ? 1.0 : 0.0;
    const std::vector<Segment> segments = step.net.segments();
    for (std::size_t s = 0; by_segment && s < segments.size(); ++s)
      for (std::size_t i = segments[s].begin; i < segments[s].end; ++i)
        m[i] = step.draws.uniform("esam/mask", s) < beta ? 1.0 : 0.0;
    return m;
  }

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector g = product(mask(step), step.net.mean_gradient(w, step.batch));
    const Vector there = plus(w, rho / beta, direction(g));
    const Vector before = step.net.losses(w, step.batch);
    const Vector rise = plus(step.net.losses(there, step.batch), -1.0, before);
    const auto kept = static_cast<std::size_t>(gamma * static_cast<double>(step.batch.size()));
    Rows chosen;
    for (const std::size_t row : largest(rise, std::max(std::size_t{1}, kept)))
      chosen.push_back(step.batch[row]);
    return step.net.mean_gradient(there, chosen);
  }
};

}  // namespace

std::unique_ptr<Rule> make_esam(const Settings& settings) {
  return std::make_unique<Esam>(number(settings, "rho"), number(settings, "beta"),
                                number(settings, "gamma"), settings.at("mask") == "segment");
}

}  // namespace polder::reference
