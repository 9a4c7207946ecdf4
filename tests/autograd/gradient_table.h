#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "autograd/gradient_check.h"

namespace polder::autograd::testing {

/// Where a row's inputs lie. Central differences need inputs that stay on one side of every kink:
/// `nonzero` keeps |x| >= 0.3, `distinct` keeps all elements of an input at least 0.05 apart.
enum class Inputs { plain, nonzero, positive, distinct };

/// One differentiable function at one choice of shapes and options.
struct Row {
  std::string name;  // the function's, a space, and what is special about this row
  Inputs kind = Inputs::plain;
  std::vector<Shape> shapes;
  Function f;

  std::vector<Tensor> draw(std::uint64_t seed) const;
  friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

/// At least one row for every differentiable function.
std::vector<Row> gradient_table();

}  // namespace polder::autograd::testing
