#include "polder/app/compare_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace polder::app {
namespace {

std::string name_of(const PlannedRun& run) {
  return fmt::format("{} seed {}", run.rule, run.config.seed);
}

}  // namespace

CompareProgress::CompareProgress(Screen& screen, std::size_t runs, std::size_t finished)
    : screen_(screen), runs_(runs), finished_(finished) {}

void CompareProgress::show(const std::vector<std::unique_ptr<Job>>& jobs) {
  if (!screen_.live()) return;
  double running = 0.0;
  std::size_t widest = 0;
  for (const auto& job : jobs) {
    running += job->status().share;
    widest = std::max(widest, columns_of(name_of(job->run())));
  }
  std::vector<std::string> lines = {total_line(running)};
  for (const auto& job : jobs) {
    const JobStatus& status = job->status();
    std::string line = fmt::format("  {} {} {:>3.0f} %", pad(name_of(job->run()), widest),
                                   screen_.bar(status.share, 16), 100.0 * status.share);
    if (!status.started) line += "  reading data";
    if (std::isfinite(status.loss)) line += fmt::format("  loss {:.4f}", status.loss.load());
    if (std::isfinite(status.accuracy))
      line += fmt::format("  accuracy {:.2f} %", 100.0 * status.accuracy);
    if (std::isfinite(status.radius)) line += fmt::format("  radius {:.4g}", status.radius.load());
    lines.push_back(line);
  }
  screen_.draw(lines);
}

std::string CompareProgress::total_line(double running) const {
  const double done = static_cast<double>(finished_) + running;
  const double all = static_cast<double>(runs_);
  const double made = made_here_ + running;
  const double left = made > 0.0 ? seconds() / made * (all - done) : -1.0;
  return fmt::format("{} {:>3.0f} %  {} of {} runs  {} so far, {} left",
                     screen_.bar(done / all, 24), 100.0 * done / all, finished_, runs_,
                     clock_text(seconds()), clock_text(left));
}

void CompareProgress::ended(const Job& job) {
  const std::string name = name_of(job.run());
  if (!job.succeeded()) {
    screen_.print(fmt::format("{}  {}", screen_.bad(name), job.problem()));
    return;
  }
  ++finished_;
  made_here_ += 1.0;
  const fs::path file = fs::path(job.run().config.out) / "result.json";
  const RunResult result = parse_result(read_file(file), file.string());
  std::string line = fmt::format("{:>3}/{}  {}  test accuracy {:.2f} %", finished_, runs_,
                                 screen_.bold(name), 100.0 * result.test.accuracy);
  if (std::isfinite(result.radius)) line += fmt::format("  radius {:.4g}", result.radius);
  screen_.print(line + "  " + clock_text(result.train_seconds));
}

}  // namespace polder::app
