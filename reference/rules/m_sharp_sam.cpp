#include "polder/reference/rules.h"

namespace polder::reference {
namespace {

struct MSharpSam : Rule {
  std::size_t m;
  double rho;
  MSharpSam(std::size_t shards, double radius) : m(shards), rho(radius) {}

  Vector gradient(const Step& step, const Vector& w) override {
    const std::size_t n = step.batch.size();
    Vector total(w.size(), 0.0);
    for (std::size_t j = 0; j < m; ++j) {
      const auto first = step.batch.begin();
      const Rows shard(first + static_cast<std::ptrdiff_t>(j * n / m),
                       first + static_cast<std::ptrdiff_t>((j + 1) * n / m));
      const Vector g = step.net.mean_gradient(w, shard);
      const Vector there = plus(w, rho, direction(g));
      const double share = static_cast<double>(shard.size()) / static_cast<double>(n);
      total = plus(total, share, step.net.mean_gradient(there, shard));
    }
    return total;
  }
};

}  // namespace

std::unique_ptr<Rule> make_m_sharp_sam(const Settings& settings) {
  return std::make_unique<MSharpSam>(static_cast<std::size_t>(number(settings, "m")),
                                     number(settings, "rho"));
}

}  // namespace polder::reference
