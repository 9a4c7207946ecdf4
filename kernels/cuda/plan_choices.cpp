#include "polder/kernels/cuda/plan_choices.h"

#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <system_error>

namespace polder::kernels::cuda {

PlanChoices::PlanChoices(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(file_.parent_path(), ignored);
  is_kept_ = std::ofstream(file_, std::ios::app).good();
  std::ifstream lines(file_);
  for (std::string line; std::getline(lines, line);)
    if (const auto tab = line.find('\t'); tab != std::string::npos)
      engines_.emplace(line.substr(0, tab), line.substr(tab + 1));
}

std::optional<std::string> PlanChoices::find(const std::string& problem) const {
  const auto found = engines_.find(problem);
  return found == engines_.end() ? std::nullopt : std::optional(found->second);
}

void PlanChoices::add(const std::string& problem, const std::string& engine) {
  engines_.insert_or_assign(problem, engine);
  // One write at the end of the file: lines of programs that run at the same time do not mix.
  std::ofstream(file_, std::ios::app) << problem + "\t" + engine + "\n" << std::flush;
}

std::filesystem::path plan_choices_file(const std::string& card, std::size_t cudnn_version) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  std::filesystem::path folder = variable("POLDER_CACHE");
  if (folder.empty() && !variable("XDG_CACHE_HOME").empty())
    folder = variable("XDG_CACHE_HOME") / "polder";
  if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") / ".cache" / "polder";
  if (folder.empty()) return {};
  return folder / fmt::format("convolutions of {}, cudnn {}.txt", card, cudnn_version);
}

}  // namespace polder::kernels::cuda
