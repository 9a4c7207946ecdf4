#include <charconv>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string_view>

#include "polder/core/error.h"
#include "polder/kernels/emulated/executor.h"

namespace polder::kernels::emulated {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  if (value == nullptr) return otherwise;
  const std::string_view text(value);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(error == std::errc{} && end == text.data() + text.size(),
          "{}: \"{}\" found, a whole number wanted", name, text);
  return number;
}

Checks from_environment() {
  return {.poison_shared = number_from_environment("POLDER_EMULATED_POISON", 1) != 0,
          .order_seed = number_from_environment("POLDER_EMULATED_SEED", 0)};
}

struct Chosen {
  std::mutex mutex;
  std::optional<Checks> checks;
};

Chosen& chosen() {
  static Chosen chosen;
  return chosen;
}

}  // namespace

void set_checks(const Checks& checks) {
  const std::lock_guard lock(chosen().mutex);
  chosen().checks = checks;
}

Checks current_checks() {
  const std::lock_guard lock(chosen().mutex);
  if (!chosen().checks) chosen().checks = from_environment();
  return *chosen().checks;
}

}  // namespace polder::kernels::emulated
