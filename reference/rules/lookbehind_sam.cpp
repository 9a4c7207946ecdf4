#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct LookbehindSam : Rule {
  double rho;
  std::size_t k;
  std::string alpha;
  LookbehindSam(double radius, std::size_t times_a_batch, std::string weight)
      : rho(radius), k(times_a_batch), alpha(std::move(weight)) {}

  Vector gradient(const Step& step, const Vector& w) override {
    return step.net.mean_gradient(w, step.batch);
  }

  void run(const Step& step, Sgd& base, Vector& w) override {
    const Vector slow = w;
    Vector fast = w, x = w, first;
    for (std::size_t j = 0; j < k; ++j) {
      x = plus(x, rho, direction(step.net.mean_gradient(x, step.batch)));
      base.step(step.net.mean_gradient(x, step.batch), step.rate, fast);
      if (j == 0) first = fast;
    }
    for (const Segment& segment : step.net.segments()) {
      const double share =
          alpha == "adaptive" ? cosine(slow, first, fast, segment) : std::stod(alpha);
      for (std::size_t i = segment.begin; i < segment.end; ++i)
        w[i] = (1.0 - share) * slow[i] + share * fast[i];
    }
  }

  static double cosine(const Vector& slow, const Vector& first, const Vector& last,
                       const Segment& segment) {
    double inner = 0.0, a = 0.0, b = 0.0;
    for (std::size_t i = segment.begin; i < segment.end; ++i) {
      const double early = first[i] - slow[i], late = last[i] - slow[i];
      inner += early * late;
      a += early * early;
      b += late * late;
    }
    return (inner / std::sqrt(a * b) + 1.0) / 2.0;
  }
};

}  // namespace

std::unique_ptr<Rule> make_lookbehind_sam(const Settings& settings) {
  return std::make_unique<LookbehindSam>(number(settings, "rho"),
                                         static_cast<std::size_t>(number(settings, "k")),
                                         settings.at("alpha"));
}

}  // namespace polder::reference
