#include "polder/app/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "polder/app/toml.h"
#include "polder/core/error.h"
#include "polder/core/text.h"

namespace polder::app {
namespace {

constexpr std::string_view kBefore = "step-", kBehind = ".safetensors";
constexpr std::size_t kKept = 2;

const fs::path& made(const fs::path& folder) {
  make_folders(folder / "checkpoints");
  return folder;
}

/// The step in a checkpoint's name, or -1.
std::int64_t step_in(const std::string& name) {
  if (!name.starts_with(kBefore) || !name.ends_with(kBehind)) return -1;
  const char* first = name.data() + kBefore.size();
  const char* last = name.data() + name.size() - kBehind.size();
  std::int64_t step = -1;
  const auto [end, problem] = std::from_chars(first, last, step);
  return problem == std::errc{} && end == last ? step : -1;
}

std::string name_of(std::int64_t step) { return fmt::format("{}{}{}", kBefore, step, kBehind); }

/// Steps that have a checkpoint in `folder`/checkpoints, newest first.
std::vector<std::int64_t> steps_in(const fs::path& folder) {
  std::vector<std::int64_t> steps;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
    const std::int64_t step = step_in(entry.path().filename().string());
    if (step >= 0) steps.push_back(step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

}  // namespace

void require_usable_folder(const Config& config, bool resume) {
  const fs::path file = fs::path(config.out) / "config.toml";
  if (!fs::exists(file)) return;
  require(resume,
          "train: {} holds a run already; continue it with --resume or choose another --out",
          config.out);
  Config found;
  read_toml(found, read_file(file), file.string());
  const std::vector<std::string> differences = fixed_differences(config, found);
  require(differences.empty(),
          "resume: the run in {} has another configuration: {} differ; choose another --out",
          config.out, join(differences));
}

RunFolder::RunFolder(const Config& config, bool resume) : path_(config.out), lock_(made(path_)) {
  require_usable_folder(config, resume);
  const std::string text = to_toml(config, false);
  // A result belongs to the configuration beside it, also when this process is killed just now.
  if (fs::exists(this->config()) && read_file(this->config()) != text) fs::remove(result());
  write_file_atomically(this->config(), text);
}

fs::path RunFolder::checkpoint(std::int64_t step) const {
  return path_ / "checkpoints" / name_of(step);
}

std::vector<std::int64_t> RunFolder::checkpoint_steps() const { return steps_in(path_); }

fs::path newest_checkpoint(const fs::path& folder) {
  const bool present = fs::is_directory(folder / "checkpoints");
  const std::vector<std::int64_t> steps = present ? steps_in(folder) : std::vector<std::int64_t>{};
  require(!steps.empty(), "{} holds no checkpoint", folder.string());
  return folder / "checkpoints" / name_of(steps.front());
}

void RunFolder::drop_old_checkpoints() const {
  const std::vector<std::int64_t> steps = checkpoint_steps();
  for (std::size_t i = kKept; i < steps.size(); ++i) fs::remove(checkpoint(steps[i]));
  for (const auto& entry : fs::directory_iterator(path_ / "checkpoints"))
    if (entry.path().extension() == ".tmp") fs::remove(entry.path());  // of a killed process
}

std::string default_folder(const Config& config) {
  return fmt::format("runs/{}-{}-{}-seed{}", config.data, config.model, config.rule, config.seed);
}

}  // namespace polder::app
