#include <fmt/format.h>

#include "polder/app/commands/commands.h"
#include "polder/app/interrupt.h"
#include "polder/app/progress.h"
#include "polder/app/run_folder.h"

namespace polder::app {

int train(const Config& given, bool resume) {
  Config config = resolved(given);
  if (config.out.empty()) config.out = default_folder(config);
  Screen screen;
  screen.print(fmt::format("{} with {} on {}, in {}", screen.bold(config.model),
                           screen.bold(rule_label(config)), screen.bold(config.data), config.out));
  TrainProgress progress(screen);
  catch_interrupts();
  if (run_training(config, resume, progress, interrupted) == RunOutcome::interrupted) {
    screen.print(fmt::format("stopped; go on with: polder train --resume {}", config.out));
    return kInterrupted;
  }
  screen.print(fmt::format("done: {}/report.html", config.out));
  return kGood;
}

}  // namespace polder::app
