#pragma once

#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "polder/autograd/functions.h"
#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/nn/activation.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/verify/training.h"
#include "test_support.h"

/// The problems of polder::verify under the names of rules.
namespace polder::optim {

using verify::bits_of;
using verify::Memory;
using verify::NetOptions;
using verify::NetProblem;

/// x rounded to bfloat16 number by number.
inline std::vector<std::byte> rounded_bits(const Tensor& x) {
  std::vector<bfloat16> rounded;
  for (std::int64_t i = 0; i < x.numel(); ++i) rounded.emplace_back(x.data<float>()[i]);
  return bits_of(Tensor::from(rounded, x.shape()));
}

inline const RuleEntry& entry_of(const std::string& name) {
  static const RuleRegistry rules = built_in_rules();
  return rules.find(name);
}

class Training : public verify::Training {
 public:
  Training(const std::string& name, const Settings& settings, const NetOptions& net = {},
           const std::string& optimizer = "sgd", double clip = 0.0)
      : verify::Training(entry_of(name), settings, net, optimizer, clip) {}
};

}  // namespace polder::optim
