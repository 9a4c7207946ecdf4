#include "polder/core/device.h"

#include <charconv>

#include "polder/core/error.h"

namespace polder {

std::string to_string(Device device) {
  switch (device.type) {
    case DeviceType::cpu:
      return "cpu";
    case DeviceType::cuda:
      return "cuda:" + std::to_string(device.index);
    case DeviceType::emulated:
      return "emulated";
  }
  return "?";
}

Device parse_device(const std::string& name) {
  if (name == "cpu") return {DeviceType::cpu, 0};
  if (name == "emulated") return {DeviceType::emulated, 0};
  if (name == "cuda") return {DeviceType::cuda, 0};
  if (name.starts_with("cuda:")) {
    int index = -1;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 5, end, index);
    if (error == std::errc{} && rest == end && index >= 0) return {DeviceType::cuda, index};
  }
  fail("device: \"{}\" is none of cpu, cuda, cuda:N, emulated", name);
}

}  // namespace polder
