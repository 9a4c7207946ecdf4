#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "optim/support.h"

namespace polder::optim {

/// The bits of a rule's weights after some steps on the small net.
inline std::vector<std::byte> trained(const std::string& rule,
                                      const std::map<std::string, std::string>& settings = {},
                                      int steps = 20, const NetOptions& net = {}) {
  Training training(rule, Settings(settings), net);
  training.run_steps(steps);
  return training.weight_bits();
}

}  // namespace polder::optim
