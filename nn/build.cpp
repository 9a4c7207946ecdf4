#include "polder/nn/build.h"

namespace polder::nn {

Build Build::in(std::string_view name) const { return {seed, dtype, device, full_name(name)}; }

std::string Build::full_name(std::string_view name) const {
  return scope.empty() ? std::string(name) : scope + "." + std::string(name);
}

RandomKey Build::key(std::string_view parameter) const {
  return random_key(seed, "init/" + full_name(parameter));
}

std::string Build::label(std::string_view type) const {
  return scope.empty() ? std::string(type) : std::string(type) + " " + scope;
}

}  // namespace polder::nn
