#include "polder/app/metrics.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "polder/app/budget.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& json, std::string_view key, double value) {
  if (std::isfinite(value)) json[std::string(key)] = value;
}

void put(Json& json, const std::string& prefix, const Score& score) {
  put(json, prefix + "_loss", score.loss);
  put(json, prefix + "_accuracy", score.accuracy);
}

double number(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found == json.end() ? kNotMeasured : found->get<double>();
}

Score score(const Json& json, const std::string& prefix) {
  return {number(json, prefix + "_loss"), number(json, prefix + "_accuracy")};
}

StepRecord step_of(const Json& json) {
  StepRecord record{.step = json.at("step").get<std::int64_t>()};
  record.epoch = number(json, "epoch");
  record.loss = number(json, "loss");
  record.perturbed_loss = number(json, "perturbed_loss");
  record.gradient_norm = number(json, "gradient_norm");
  record.rate = number(json, "rate");
  record.radius = number(json, "radius");
  if (json.contains("radii")) record.radii = json["radii"].get<std::vector<double>>();
  record.gradient_evaluations = number(json, "gradient_evaluations");
  if (const auto found = json.find("scalars"); found != json.end())
    for (const auto& [name, value] : found->items())
      record.scalars.emplace_back(name, value.get<double>());
  return record;
}

EvaluationRecord evaluation_of(const Json& json) {
  return {.step = json.at("step").get<std::int64_t>(),
          .epoch = number(json, "epoch"),
          .evaluations = number(json, "evaluations"),
          .training = score(json, "training"),
          .validation = score(json, "validation"),
          .test = score(json, "test")};
}

ReceiptRecord receipt_of(const Json& json) {
  ReceiptRecord record{.step = json.at("step").get<std::int64_t>()};
  record.radius = number(json, "radius");
  record.gap = number(json, "gap");
  for (std::size_t i = 0; i < kSlopeNames.size(); ++i)
    record.slopes[i] = number(json, kSlopeNames[i]);
  record.central_difference = number(json, "central_difference");
  record.doubt = number(json, "doubt");
  return record;
}

void add_line(History& history, const Json& json) {
  const auto kind = json.at("kind").get<std::string>();
  if (kind == "step")
    history.steps.push_back(step_of(json));
  else if (kind == "evaluation")
    history.evaluations.push_back(evaluation_of(json));
  else if (kind == "receipt")
    history.receipts.push_back(receipt_of(json));
  else
    fail("unknown kind \"{}\", wanted step, evaluation or receipt", kind);
}

}  // namespace

std::string to_json_line(const StepRecord& record) {
  Json json = {{"kind", "step"}, {"step", record.step}};
  put(json, "epoch", record.epoch);
  put(json, "loss", record.loss);
  put(json, "perturbed_loss", record.perturbed_loss);
  put(json, "gradient_norm", record.gradient_norm);
  put(json, "rate", record.rate);
  put(json, "radius", record.radius);
  if (!record.radii.empty()) json["radii"] = record.radii;
  put(json, "gradient_evaluations", record.gradient_evaluations);
  if (record.scalars.empty()) return json.dump();
  Json& scalars = json["scalars"] = Json::object();
  for (const auto& [name, value] : record.scalars) put(scalars, name, value);
  return json.dump();
}

std::string to_json_line(const EvaluationRecord& record) {
  Json json = {{"kind", "evaluation"}, {"step", record.step}};
  put(json, "epoch", record.epoch);
  put(json, "evaluations", record.evaluations);
  put(json, "training", record.training);
  put(json, "validation", record.validation);
  put(json, "test", record.test);
  return json.dump();
}

std::string to_json_line(const ReceiptRecord& record) {
  Json json = {{"kind", "receipt"}, {"step", record.step}};
  put(json, "radius", record.radius);
  put(json, "gap", record.gap);
  for (std::size_t i = 0; i < kSlopeNames.size(); ++i) put(json, kSlopeNames[i], record.slopes[i]);
  put(json, "central_difference", record.central_difference);
  put(json, "doubt", record.doubt);
  return json.dump();
}

History parse_history(const std::string& text, const std::string& source) {
  History history;
  std::size_t begin = 0;
  for (std::int64_t line = 1; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    try {
      add_line(history, Json::parse(text.substr(begin, end - begin)));
    } catch (const std::exception& problem) {
      fail("{}: line {}: {}", source, line, problem.what());
    }
    begin = end + 1;
  }
  return history;
}

std::string to_json(const RunResult& result) {
  Json json = {{"rule", result.rule}, {"model", result.model}, {"data", result.data},
               {"seed", result.seed}, {"steps", result.steps}, {"weights", result.weights}};
  put(json, "training", result.training);
  put(json, "validation", result.validation);
  put(json, "test", result.test);
  put(json, "best_validation_accuracy", result.best_validation_accuracy);
  put(json, "radius", result.radius);
  put(json, "gradient_evaluations", result.gradient_evaluations);
  put(json, "forward_passes", result.forward_passes);
  put(json, "hessian_products", result.hessian_products);
  put(json, "evaluations", result.evaluations);
  put(json, "train_seconds", result.train_seconds);
  put(json, "images_per_second", result.images_per_second);
  return json.dump(2) + "\n";
}

RunResult parse_result(const std::string& text, const std::string& source) {
  try {
    const Json json = Json::parse(text);
    return {.rule = json.at("rule").get<std::string>(),
            .model = json.at("model").get<std::string>(),
            .data = json.at("data").get<std::string>(),
            .seed = json.at("seed").get<std::int64_t>(),
            .steps = json.at("steps").get<std::int64_t>(),
            .weights = json.at("weights").get<std::int64_t>(),
            .training = score(json, "training"),
            .validation = score(json, "validation"),
            .test = score(json, "test"),
            .best_validation_accuracy = number(json, "best_validation_accuracy"),
            .radius = number(json, "radius"),
            .gradient_evaluations = number(json, "gradient_evaluations"),
            .forward_passes = number(json, "forward_passes"),
            .hessian_products = number(json, "hessian_products"),
            .evaluations = evaluations_of({.gradients = number(json, "gradient_evaluations"),
                                           .forwards = number(json, "forward_passes"),
                                           .hessian_products = number(json, "hessian_products")}),
            .train_seconds = number(json, "train_seconds"),
            .images_per_second = number(json, "images_per_second")};
  } catch (const Json::exception& problem) {
    fail("{}: not a result of a run: {}", source, problem.what());
  }
}

}  // namespace polder::app
