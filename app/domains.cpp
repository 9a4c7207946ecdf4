#include "polder/app/domains.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "polder/core/error.h"

namespace polder::app {
namespace {

double angle_of(const std::string& text, const std::string& all) {
  double angle = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, angle);
  require(problem == std::errc{} && stop == end && std::isfinite(angle),
          "domains: found \"{}\" in \"{}\", wanted angles in degrees as in 0,15,30", text, all);
  return angle;
}

std::vector<std::int64_t> positions(const Domains& domains) {
  std::vector<std::int64_t> all(domains.angles.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

std::vector<std::int64_t> Domains::trained() const {
  std::vector<std::int64_t> all = positions(*this);
  if (left_out) all.erase(all.begin() + *left_out);
  return all;
}

std::vector<std::int64_t> Domains::tested() const {
  return left_out ? std::vector{*left_out} : positions(*this);
}

Domains domains_of(const Config& config) {
  Domains domains;
  if (config.domains.empty()) {
    require(config.leave_out.empty(), "leave_out: found {}, but there are no domains",
            config.leave_out);
    return domains;
  }
  for (const std::string& text : split(config.domains, ',')) {
    const double angle = angle_of(text, config.domains);
    require(std::ranges::find(domains.angles, angle) == domains.angles.end(),
            "domains: {} appears twice in \"{}\"", text, config.domains);
    domains.angles.push_back(angle);
  }
  require(domains.angles.size() >= 2, "domains: found \"{}\" alone, wanted two angles or more",
          config.domains);
  if (config.leave_out.empty()) return domains;
  const auto found =
      std::ranges::find(domains.angles, angle_of(config.leave_out, config.leave_out));
  require(found != domains.angles.end(), "leave_out: found {}, wanted one of the domains {}",
          config.leave_out, config.domains);
  domains.left_out = found - domains.angles.begin();
  return domains;
}

}  // namespace polder::app
