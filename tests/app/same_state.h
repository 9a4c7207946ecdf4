#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "polder/app/files.h"
#include "polder/app/safetensors.h"

namespace polder::app {

/// Every tensor of two checkpoints, bit for bit. The time it took may differ.
inline void expect_same_checkpoint(const fs::path& a, const fs::path& b) {
  const Safetensors left = from_safetensors(read_file(a), a.string());
  const Safetensors right = from_safetensors(read_file(b), b.string());
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (const auto& [name, tensor] : left.tensors) {
    if (name == "run/train_seconds") continue;
    const Tensor other = right.find(name);
    ASSERT_TRUE(other.defined()) << name;
    ASSERT_EQ(tensor.bytes(), other.bytes()) << name;
    const bool same =
        tensor.bytes() == 0 || std::memcmp(tensor.raw(), other.raw(), tensor.bytes()) == 0;
    EXPECT_TRUE(same) << name << " differs";
  }
}

/// Two run folders: the metrics byte for byte, the checkpoint at `step` bit for bit.
inline void expect_same_run(const fs::path& a, const fs::path& b, std::int64_t step) {
  EXPECT_EQ(read_file(a / "metrics.jsonl"), read_file(b / "metrics.jsonl"));
  const std::string name = "checkpoints/step-" + std::to_string(step) + ".safetensors";
  expect_same_checkpoint(a / name, b / name);
}

}  // namespace polder::app
