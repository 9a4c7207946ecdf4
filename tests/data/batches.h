#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "polder/core/random.h"
#include "polder/core/state.h"
#include "polder/data/loader.h"

// What the tests of loaders share.
namespace polder::data {

/// Images that all differ: pixel j of image i is a random byte.
inline ImageSet random_images(std::int64_t n, const Shape& shape) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(n * shape.numel()));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(below(random_key(1, "loader_test"), i, 256));
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i % 3);
  return {"random", shape, std::move(pixels), std::move(labels), 3};
}

/// Contents of a batch, to compare and keep.
struct Contents {
  std::vector<float> inputs;
  std::vector<std::int64_t> targets, indices;
  bool operator==(const Contents&) const = default;
};

inline Contents contents(const Batch& batch) {
  return {batch.inputs.to_vector<float>(), batch.targets.to_vector<std::int64_t>(),
          batch.indices.to_vector<std::int64_t>()};
}

inline std::vector<Contents> walk(Loader& loader, int batches) {
  std::vector<Contents> result;
  for (int i = 0; i < batches; ++i) result.push_back(contents(loader.next()));
  return result;
}

/// Saves into a map, or loads from it.
class MapVisitor final : public StateVisitor {
 public:
  explicit MapVisitor(bool loading = false) : loading_(loading) {}
  std::map<std::string, std::int64_t> values;

  void visit(const std::string& name, std::int64_t& value) override {
    if (loading_) value = values.at(name);
    values[name] = value;
  }
  void visit(const std::string&, Tensor&) override { FAIL(); }
  void visit(const std::string&, double&) override { FAIL(); }
  void visit(const std::string&, std::vector<double>&) override { FAIL(); }

 private:
  bool loading_;
};

}  // namespace polder::data
