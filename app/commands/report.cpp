#include <CLI/CLI.hpp>
#include <memory>

#include "polder/app/commands/commands.h"
#include "polder/app/comparison.h"
#include "polder/app/report/run_report.h"
#include "polder/app/terminal.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

int report(const fs::path& folder) {
  require(fs::exists(folder / "config.toml"), "report: {} holds no run", folder.string());
  if (fs::exists(folder / "results.json"))
    write_comparison_report(folder);
  else
    write_run_report(folder);
  Screen().print((folder / "report.html").string());
  return kGood;
}

}  // namespace

std::function<int()> declare_report(CLI::App& options) {
  const auto folder = std::make_shared<std::string>();
  options.add_option("folder", *folder, "a run's or a comparison's folder")->required();
  return [folder] { return report(*folder); };
}

}  // namespace polder::app
