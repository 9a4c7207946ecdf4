#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "polder/reference/net.h"

namespace polder::reference {

/// Random numbers are given, not drawn: a rule that draws asks for element i of the stream `what`
/// in the step under way, or for the number that belongs to weight i.
struct Draws {
  std::function<double(const std::string&what, std::size_t i)> uniform, normal;
  std::function<double(const std::string&what, std::size_t i)> weight_uniform, weight_normal;
};

/// What a rule sees of one step.
struct Step {
  const Net& net;
  const Rows& batch;
  Rows validation{};         // a held-out batch
  const Rows& training_set;  // every training sample, by index
  std::size_t t = 0, T = 0, epoch = 0, epochs = 0;
  bool opens_epoch = false, closes_epoch = false;
  double rate = 0.0, rate_min = 0.0, rate_max = 0.0;
  Draws draws{};
};

/// SGD: m <- mu m + G (G on the first step); w <- w - rate m.
struct Sgd {
  double momentum = 0.9;
  Vector m{};

  void step(const Vector& gradient, double rate, Vector& w);
};

/// A rule by its paper: the gradient that the base optimizer sees.
class Rule {
 public:
  virtual ~Rule() = default;
  virtual Vector gradient(const Step& step, const Vector& w) = 0;
  /// A whole step; rules that drive or replace the base optimizer, or remember w afterwards, write
  /// their own.
  virtual void run(const Step& step, Sgd& base, Vector& w);
  /// The weights that evaluation should use instead of w; null: w itself.
  virtual const Vector* averaged() const { return nullptr; }
};

/// Settings as text, as the program takes them.
using Settings = std::map<std::string, std::string>;
/// Throws std::out_of_range when the name is missing, std::invalid_argument when it is no number.
double number(const Settings& settings, const std::string& name);

using MakeRule = std::function<std::unique_ptr<Rule>(const Settings&)>;
/// Every reference by the rule's name; settings come complete.
const std::map<std::string, MakeRule>& rules();

}  // namespace polder::reference
