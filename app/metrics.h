#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace polder::app {

/// "Not measured": left out of the JSON line.
inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

/// One training step. `step` counts from 1: the state is the one after it.
struct StepRecord {
  std::int64_t step = 0;
  double epoch = 0.0;  // passes over the training samples so far
  double loss = kNotMeasured;
  double perturbed_loss = kNotMeasured;
  double gradient_norm = kNotMeasured;
  double rate = kNotMeasured;
  double radius = kNotMeasured;                           // the mean with one radius per segment
  std::vector<double> radii{};                            // one per segment, when there are several
  double gradient_evaluations = kNotMeasured;             // of this step
  std::vector<std::pair<std::string, double>> scalars{};  // what only the rule knows, by name
};

/// Mean loss and share of right answers on one set of samples.
struct Score {
  double loss = kNotMeasured;
  double accuracy = kNotMeasured;
};

/// A look at all sets of samples, in evaluation mode.
struct EvaluationRecord {
  std::int64_t step = 0;
  double epoch = 0.0;
  double evaluations = kNotMeasured;  // spent so far
  Score training{};  // a fixed part of the training samples, under the labels training sees
  Score validation{};
  Score test{};
};

/// The hypergradient dJ/drho by four ways, beside the central difference of J.
struct ReceiptRecord {
  std::int64_t step = 0;
  double radius = kNotMeasured;
  double gap = kNotMeasured;  // validation loss - training loss after the step
  std::array<double, 4> slopes{kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured};
  double central_difference = kNotMeasured;
  double doubt = kNotMeasured;  // how far the central difference itself may be off
};
/// Names of the four ways, in the order of `slopes`.
inline constexpr std::array<std::string_view, 4> kSlopeNames = {"exact", "finite_difference",
                                                                "secant", "squared_gradient"};

/// One line of JSON without a newline. Numbers read back as the same bits.
std::string to_json_line(const StepRecord& record);
std::string to_json_line(const EvaluationRecord& record);
std::string to_json_line(const ReceiptRecord& record);

/// Everything a run wrote, in order.
struct History {
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  std::vector<ReceiptRecord> receipts;
};
/// Reads JSON lines; an unfinished last line is left out. `source` names the file in errors.
/// Throws Error naming the line that is broken.
History parse_history(const std::string& text, const std::string& source);

/// What a finished run amounts to.
struct RunResult {
  std::string rule{};  // with settings: "sam:rho=0.1"
  std::string model{};
  std::string data{};
  std::int64_t seed = 0;
  std::int64_t steps = 0;
  std::int64_t weights = 0;
  Score training{}, validation{}, test{};
  double best_validation_accuracy = kNotMeasured;
  double radius = kNotMeasured;
  double gradient_evaluations = 0.0;
  double forward_passes = 0.0;
  double hessian_products = 0.0;
  double evaluations = 0.0;    // all of these, in units of a gradient (Budget)
  double train_seconds = 0.0;  // training steps alone
  double images_per_second = 0.0;
};
std::string to_json(const RunResult& result);
/// Throws Error when the text is not such a result.
RunResult parse_result(const std::string& text, const std::string& source);

}  // namespace polder::app
