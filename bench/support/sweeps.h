#pragma once

#include <functional>
#include <vector>

#include "polder/core/tensor.h"

namespace polder::bench {

/// One way of going through memory on all threads: what the machine can do at best.
struct Sweep {
  const char* name;
  double bytes;  // read and written by one call
  std::function<void()> run;
};

/// Reading x, copying x to y, and rewriting y in place. Which of them moves most bytes a second
/// depends on the machine: a plain copy also fetches the lines that it is about to overwrite.
std::vector<Sweep> sweeps(const Tensor& x, const Tensor& y);

/// Size of the largest cache, in bytes; 0 when it is not known.
double largest_cache();

}  // namespace polder::bench
