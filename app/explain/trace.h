#pragma once

#include <optional>
#include <string>
#include <vector>

#include "polder/app/explain/problem.h"
#include "polder/optim/registry.h"

namespace polder::app {

/// One evaluation that a rule asked for.
struct Look {
  enum class Kind { gradient, losses, outputs, hessian };
  enum class Rows {
    batch,
    part,
    other
  };  // the step's own rows, some of them, or rows from elsewhere

  Kind kind = Kind::gradient;
  Rows rows = Rows::batch;
  std::int64_t count = 0;  // rows
  bool term = false;       // the rule added a term to the loss
  Point at{};              // the active weights
  double loss = 0.0;       // mean over the rows
  Point result{};          // the gradient; hessian: H v
  Point direction{};       // hessian: v
};

/// One update, as it happened.
struct Update {
  std::int64_t step = 0;
  double rate = 0.0;
  Point before{}, after{};
  std::vector<Look> looks{};
  std::optional<Point> gradient{};  // G; nothing when the rule moved the weights itself
  std::vector<std::pair<std::string, double>> scalars{};  // what the rule reports
  std::optional<Point> averaged{};  // where evaluation would look, if elsewhere
};

struct WalkOptions {
  std::int64_t steps = 100;
  Point start{2.4, 0.2};
  double rate = 0.2;
  std::uint64_t seed = 1;
};

/// Trains the two weights with the rule and plain SGD below it, and writes down every look.
/// `settings` come complete. Throws what the rule refuses.
std::vector<Update> walk(const optim::RuleRegistry& rules, const std::string& rule,
                         const optim::Settings& settings, const ProductData& data,
                         const WalkOptions& options);

}  // namespace polder::app
