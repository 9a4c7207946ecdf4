#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "polder/core/tensor.h"

namespace polder::app {

/// What a safetensors file holds: named tensors and a table of texts.
///
/// Layout: 8 bytes little-endian header length n; n bytes JSON,
///   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {...}};
/// then the tensors' bytes. Source: https://github.com/huggingface/safetensors (format section).
struct Safetensors {
  struct Entry {
    std::string name;
    Tensor tensor;
  };
  std::vector<Entry> tensors;
  std::map<std::string, std::string> metadata;

  /// The tensor of that name, or an undefined one.
  Tensor find(std::string_view name) const;
};

/// The file's bytes. Types float32, float64, bfloat16, int64; wide types come first, so that every
/// tensor is aligned. Throws Error on a name used twice or text that is not UTF-8.
std::string to_safetensors(const Safetensors& contents);

/// Reads a file's bytes; tensors land on the CPU. Strict: the header lies inside the file, names
/// are unique, shapes agree with offsets, and the tensors cover the data without gap or overlap.
/// Takes memory in proportion to the file, whatever the header claims. `source` names the file in
/// errors. Throws Error otherwise.
Safetensors from_safetensors(std::string_view bytes, const std::string& source);

}  // namespace polder::app
