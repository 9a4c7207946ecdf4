#pragma once

#include <cstdint>
#include <string>

#include "polder/core/format.h"

namespace polder {

/// Where a tensor lives and which back end computes with it.
enum class DeviceType : std::uint8_t { cpu, cuda, emulated };

struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

inline constexpr Device kCpu{};

/// "cpu", "cuda:0", "emulated"
std::string to_string(Device device);
/// Inverse of to_string. Throws Error on an unknown name.
Device parse_device(const std::string& name);

}  // namespace polder

template <>
struct fmt::formatter<polder::Device> : polder::TextFormatter<polder::Device> {};
