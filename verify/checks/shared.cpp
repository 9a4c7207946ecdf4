#include <cmath>
#include <limits>

#include "polder/verify/checks/checks.h"

namespace polder::verify {

std::vector<std::byte> trained(const Subject& subject, const optim::RuleEntry& entry,
                               const std::map<std::string, std::string>& settings, int steps) {
  Training training(entry, optim::Settings(settings), {.device = subject.device});
  training.run_steps(steps);
  return training.weight_bits();
}

double differing(const std::vector<std::byte>& found, const std::vector<std::byte>& wanted) {
  require(found.size() == wanted.size(), "verify: {} bytes against {}", found.size(),
          wanted.size());
  double bytes = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != wanted[i]) bytes += 1.0;
  return bytes;
}

double distance(const std::vector<double>& found, const std::vector<double>& wanted) {
  require(found.size() == wanted.size(), "verify: {} values against {}", found.size(),
          wanted.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double size = std::abs(found[i] - wanted[i]) / (1.0 + std::abs(wanted[i]));
    if (!std::isfinite(size)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, size);
  }
  return largest;
}

double largest_size(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) {
    if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

std::string not_finite(const optim::StepReport& report, Training& training, int step) {
  try {
    optim::require_finite(report, step);
  } catch (const Error& error) {
    return error.what();
  }
  if (std::isfinite(largest_size(values_of(training.problem.arena.home())))) return "";
  return fmt::format("step {}: a weight is not finite", step);
}

}  // namespace polder::verify
