#include "polder/doctor/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "polder/app/commands/commands.h"
#include "polder/app/run_folder.h"
#include "polder/app/terminal.h"
#include "polder/app/trainer.h"

namespace polder::app {
namespace {

constexpr std::size_t kColumns = 100;

void load_newest_checkpoint(const Config& config, Trainer& trainer) {
  std::int64_t metrics_bytes = 0;  // where the run stands on disk, which does not matter here
  load_checkpoint(newest_checkpoint(config.out), trainer.identity(), [&](StateVisitor& visitor) {
    trainer.visit_state(visitor);
    visitor.visit("run/metrics_bytes", metrics_bytes);
  });
}

std::string coloured(const Screen& screen, const std::string& line) {
  if (line.starts_with("  WRONG")) return screen.bad(line);
  if (line.starts_with("  -")) return screen.dim(line);
  return line;
}

void print(Screen& screen, const doctor::Diagnosis& diagnosis) {
  const std::size_t columns = screen.live() ? std::min(kColumns, screen.width()) : kColumns;
  std::istringstream lines(to_text(diagnosis, columns));
  for (std::string line; std::getline(lines, line);) screen.print(coloured(screen, line));
}

}  // namespace

int doctor(const Config& given, bool resume, std::int64_t steps) {
  require(steps >= 1, "doctor: {} steps to examine, want at least 1", steps);
  const Config config = resolved(given);
  Screen screen;
  screen.print(fmt::format("{} with {} on {}", screen.bold(config.model),
                           screen.bold(rule_label(config)), screen.bold(config.data)));
  Trainer trainer(config);
  if (resume) load_newest_checkpoint(config, trainer);
  const std::int64_t wanted = std::min(steps, trainer.total_steps() - trainer.steps_made());
  const doctor::Diagnosis diagnosis = trainer.examine(steps, [&](std::int64_t made) {
    if (screen.live()) screen.draw({fmt::format("step {} of {}", made, wanted)});
  });
  print(screen, diagnosis);
  return diagnosis.healthy() ? kGood : kUnhealthy;
}

}  // namespace polder::app
