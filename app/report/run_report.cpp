#include "polder/app/report/run_report.h"

#include <fmt/format.h>

#include <cmath>

#include "polder/app/report/page.h"
#include "polder/app/report/run_charts.h"
#include "polder/app/terminal.h"
#include "polder/app/toml.h"

namespace polder::app {
namespace {

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100.0 * share) : "–";
}

std::string decimal(double value) {
  return std::isfinite(value) ? fmt::format("{:.4f}", value) : "–";
}

std::string lead(const Config& config, const RunResult& result) {
  std::string text =
      fmt::format("{} with {} weights, {} at learning rate {}, {} steps of {} samples",
                  config.model, short_number(static_cast<double>(result.weights)), config.optimizer,
                  config.lr, result.steps, config.batch);
  if (config.label_noise > 0.0)
    text += fmt::format(", {:.4g} % {} label noise", 100.0 * config.label_noise,
                        config.label_noise_kind);
  return text + fmt::format(", seed {}.", config.seed);
}

std::string numbers(const RunResult& result) {
  std::vector<std::pair<std::string, std::string>> items = {
      {percent(result.test.accuracy), "test accuracy"}};
  if (std::isfinite(result.validation.accuracy))
    items.emplace_back(percent(result.validation.accuracy), "held-out accuracy");
  if (std::isfinite(result.radius))
    items.emplace_back(fmt::format("{:.4g}", result.radius), "radius at the end");
  items.emplace_back(short_number(result.gradient_evaluations), "gradient evaluations");
  items.emplace_back(clock_text(result.train_seconds), "training time");
  items.emplace_back(short_number(result.images_per_second), "images a second");
  return key_numbers(items);
}

std::string final_table(const RunResult& result) {
  Table scores{.head = {"samples", "loss", "accuracy"}};
  const auto add = [&](std::string name, const Score& score) {
    if (std::isfinite(score.loss))
      scores.rows.push_back({std::move(name), decimal(score.loss), percent(score.accuracy)});
  };
  add("training (a fixed part)", result.training);
  add("held out", result.validation);
  add("test", result.test);
  if (std::isfinite(result.best_validation_accuracy))
    scores.note = fmt::format(
        "Best held-out accuracy on the way: {}. Work: {:.6g} gradient "
        "evaluations, {:.6g} forward passes, {:.6g} Hessian-vector products.",
        percent(result.best_validation_accuracy), result.gradient_evaluations,
        result.forward_passes, result.hessian_products);
  return table(scores);
}

}  // namespace

std::string run_report(const Config& config, const History& history, const RunResult& result) {
  const std::string body =
      numbers(result) + section("Learning", {loss_figure(history), accuracy_figure(history)}) +
      section("Radius and gradients", {radius_figure(history), sharpness_figure(history),
                                       gradient_figure(history), rate_figure(history)}) +
      section("Hypergradient",
              {receipts_figure(history), receipts_summary(history), receipts_table(history)}) +
      section("At the end", {final_table(result)}) +
      folded("Configuration", to_toml(config, false));
  return page(fmt::format("{} on {}", config.rule, config.data), lead(config, result), body);
}

void write_run_report(const fs::path& folder) {
  const fs::path config_file = folder / "config.toml", metrics_file = folder / "metrics.jsonl",
                 result_file = folder / "result.json";
  Config config;
  read_toml(config, read_file(config_file), config_file.string());
  const History history = parse_history(read_file(metrics_file), metrics_file.string());
  const RunResult result = parse_result(read_file(result_file), result_file.string());
  write_file_atomically(folder / "report.html", run_report(config, history, result));
}

}  // namespace polder::app
