#include "polder/app/commands/commands.h"
#include "polder/app/comparison.h"
#include "polder/app/report/run_report.h"
#include "polder/app/terminal.h"

namespace polder::app {

int report(const Invocation& invocation) {
  const fs::path folder = invocation.folder;
  require(fs::exists(folder / "config.toml"), "report: {} holds no run", folder.string());
  if (fs::exists(folder / "results.json"))
    write_comparison_report(folder);
  else
    write_run_report(folder);
  Screen().print((folder / "report.html").string());
  return kGood;
}

}  // namespace polder::app
