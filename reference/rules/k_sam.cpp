#include <algorithm>
#include <numeric>

#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct KSam : Rule {
  double rho, fraction;
  KSam(double radius, double share) : rho(radius), fraction(share) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const Vector losses = step.net.losses(w, step.batch);
    std::vector<std::size_t> order(losses.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
    const auto kept = static_cast<std::size_t>(fraction * static_cast<double>(losses.size()));
    order.resize(std::max<std::size_t>(1, kept));
    Rows hardest;
    for (const std::size_t i : order) hardest.push_back(step.batch[i]);
    const Vector g = step.net.mean_gradient(w, hardest);
    return step.net.mean_gradient(plus(w, rho, direction(g)), hardest);
  }
};

}  // namespace

std::unique_ptr<Rule> make_k_sam(const Settings& settings) {
  return std::make_unique<KSam>(number(settings, "rho"), number(settings, "fraction"));
}

}  // namespace polder::reference
