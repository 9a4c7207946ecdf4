#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "polder/core/tensor.h"

namespace polder {

/// Walks over everything an object must remember to continue bit for bit. One function lists the
/// state, and the same list saves it and loads it, so the two cannot drift apart.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  /// Loading overwrites the contents; shapes and types must agree (Error otherwise).
  virtual void visit(const std::string& name, Tensor& tensor) = 0;
  virtual void visit(const std::string& name, double& value) = 0;
  virtual void visit(const std::string& name, std::int64_t& value) = 0;
  virtual void visit(const std::string& name, std::vector<double>& values) = 0;
};

}  // namespace polder
