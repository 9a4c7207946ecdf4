#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>

#include "polder/app/commands/commands.h"
#include "polder/app/compare_progress.h"
#include "polder/app/comparison.h"
#include "polder/app/interrupt.h"
#include "polder/app/job.h"
#include "polder/app/toml.h"
#include "polder/core/error.h"
#include "polder/core/text.h"

namespace polder::app {
namespace {

constexpr std::int64_t kCalibrationSteps = 50;

std::int64_t cores() { return std::max(1U, std::thread::hardware_concurrency()); }

Config completed(Config config) {
  config.rule = Config{}.rule;
  config.settings.clear();
  if (config.out.empty()) config.out = fmt::format("runs/compare-{}-{}", config.data, config.model);
  // Runs side by side would take each other's time.
  if (config.jobs == 0)
    config.jobs = config.threads > 0 || config.budget == "seconds" ? 1 : cores();
  if (config.threads == 0) config.threads = std::max<std::int64_t>(1, cores() / config.jobs);
  return config;
}

/// The folder may hold an earlier part of this comparison, but no other one.
void open_folder(const Config& config) {
  const fs::path file = fs::path(config.out) / "config.toml";
  if (fs::exists(file)) {
    Config found;
    read_toml(found, read_file(file), file.string());
    const std::vector<std::string> differences = fixed_differences(found, config);
    require(differences.empty(),
            "compare: {} holds a comparison with another configuration: {} differ; choose another "
            "--out",
            config.out, join(differences));
  }
  write_file_atomically(file, to_toml(config, true));
}

/// Seconds of the training that `epochs` or `steps` asks for, plain, by a short run of it.
double measured_seconds(const Config& config) {
  Config plain = config;
  plain.budget = "steps";
  plain.rules = {"none"};
  plain.seeds = 1;
  plain.epochs = 1;
  if (plain.steps > 0) plain.steps = std::min<std::int64_t>(plain.steps, kCalibrationSteps);
  PlannedRun run = plan_runs(plain).front();
  run.config.out = (fs::path(config.out) / "calibration").string();
  fs::remove_all(run.config.out);
  Job job(run);
  while (!job.ended()) {
    if (interrupted()) job.ask_to_stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  require(
      job.succeeded(), "{}",
      job.problem().empty() ? "compare: interrupted while it measured the budget" : job.problem());
  const fs::path file = fs::path(run.config.out) / "result.json";
  const RunResult result = parse_result(read_file(file), file.string());
  const double share = config.steps > 0
                           ? static_cast<double>(config.steps) / static_cast<double>(result.steps)
                           : static_cast<double>(config.epochs);
  return result.train_seconds * share;
}

/// A budget of seconds is measured once and then kept with the comparison.
Config with_budget(Config config) {
  if (config.budget != "seconds" || config.budget_size > 0.0) return config;
  const fs::path file = fs::path(config.out) / "config.toml";
  if (fs::exists(file)) {
    Config found;
    read_toml(found, read_file(file), file.string());
    config.budget_size = found.budget == "seconds" ? found.budget_size : 0.0;
  }
  if (config.budget_size == 0.0) config.budget_size = measured_seconds(config);
  return config;
}

void print_table(Screen& screen, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i]));
  screen.print("");
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += (i == 0 ? "" : "   ") + pad(row[i], widths[i], i > 0);
    screen.print(&row == &rows.front() ? screen.dim(line) : line);
  }
  screen.print("");
}

/// Keeps up to `most` jobs running until all runs are made or somebody asks for a stop.
class JobQueue {
 public:
  JobQueue(std::deque<PlannedRun> waiting, std::size_t most, CompareProgress& progress)
      : waiting_(std::move(waiting)), most_(most), progress_(progress) {}

  void work() {
    while (!jobs_.empty() || (!waiting_.empty() && !stopping_)) {
      if (interrupted() && !stopping_) stop();
      start_jobs();
      progress_.show(jobs_);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      collect();
    }
  }
  std::size_t failures() const { return failures_; }
  /// What went wrong first.
  const std::string& problem() const { return problem_; }

 private:
  void start_jobs() {
    while (!stopping_ && jobs_.size() < most_ && !waiting_.empty()) {
      jobs_.push_back(std::make_unique<Job>(waiting_.front()));
      waiting_.pop_front();
    }
  }

  void collect() {
    const auto first_ended = std::stable_partition(jobs_.begin(), jobs_.end(),
                                                   [](const auto& job) { return !job->ended(); });
    for (auto job = first_ended; job != jobs_.end(); ++job) settle(**job);
    jobs_.erase(first_ended, jobs_.end());
  }

  void settle(const Job& job) {
    if (stopping_ && !job.succeeded() && job.problem().empty()) return;
    progress_.ended(job);
    if (job.succeeded()) return;
    if (failures_++ == 0) problem_ = job.problem();
    // What fails before its first step (missing data, a wrong setting) fails for every run.
    if (job.status().step == 0) stop();
  }

  void stop() {
    stopping_ = true;
    for (const auto& job : jobs_) job->ask_to_stop();
  }

  std::deque<PlannedRun> waiting_;
  std::size_t most_;
  CompareProgress& progress_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::size_t failures_ = 0;
  std::string problem_;
  bool stopping_ = false;
};

/// Nothing came of it: the folder is free for another try.
[[noreturn]] void give_up(const Config& config, const std::string& problem) {
  const fs::path folder = config.out;
  if (!fs::exists(folder / "runs")) fs::remove(folder / "config.toml");
  fail("{}", problem);
}

void write_results(Screen& screen, const Config& config, const std::vector<PlannedRun>& runs) {
  const std::vector<RuleOutcome> outcomes = outcomes_of(runs);
  const fs::path folder = config.out;
  write_file_atomically(folder / "results.json", to_json(outcomes));
  write_comparison_report(folder);
  print_table(screen, outcome_table(outcomes));
  screen.print(fmt::format("{}/report.html", config.out));
}

}  // namespace

int compare(const Config& given) {
  Config config = completed(given);
  plan_runs(config);  // refuses what cannot be run before anything is made
  make_folders(config.out);
  const FolderLock lock(config.out);
  catch_interrupts();
  config = with_budget(config);
  const std::vector<PlannedRun> runs = plan_runs(config);
  open_folder(config);
  std::deque<PlannedRun> waiting;
  std::copy_if(runs.begin(), runs.end(), std::back_inserter(waiting),
               [](const PlannedRun& run) { return !is_finished(run); });
  Screen screen;
  screen.print(fmt::format("{} rules, {} seeds, {} on {}, in {}: {} of {} runs to make",
                           config.rules.size(), config.seeds, config.model, config.data, config.out,
                           waiting.size(), runs.size()));
  if (config.budget_size > 0.0)
    screen.print(fmt::format("{:.4g} {} a run", config.budget_size, config.budget));
  CompareProgress progress(screen, runs.size(), runs.size() - waiting.size());
  JobQueue queue(std::move(waiting), static_cast<std::size_t>(config.jobs), progress);
  queue.work();
  const bool none_finished = std::none_of(runs.begin(), runs.end(), is_finished);
  if (none_finished && queue.failures() > 0) give_up(config, queue.problem());
  write_results(screen, config, runs);
  if (interrupted()) {
    screen.print(fmt::format("stopped; go on with: polder compare --resume {}", config.out));
    return kInterrupted;
  }
  require(queue.failures() == 0, "compare: {} of {} runs failed, the first because {}",
          queue.failures(), runs.size(), queue.problem());
  return kGood;
}

}  // namespace polder::app
