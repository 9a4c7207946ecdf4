#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "polder/app/commands/commands.h"
#include "polder/app/config.h"
#include "polder/app/explain/picture.h"
#include "polder/app/explain/story.h"
#include "polder/app/files.h"
#include "polder/app/terminal.h"
#include "polder/app/trainer.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

/// What the eye can see on a landscape a few units wide and in the first epochs of a short walk;
/// and what is refused elsewhere is refused here.
const std::map<std::string, std::string> kVisible = {
    {"rho", "0.3"}, {"start_epoch", "0"}, {"slots", "1"}, {"allow_inexact", "false"}};

struct ExplainOptions {
  std::vector<std::string> rules;
  std::int64_t step = 4;
  std::string out = "explain";
  WalkOptions walk;
};

/// What is asked for; else what can be seen, what shows the rule at work, its defaults.
optim::Settings settings_of(const RuleSpec& spec) {
  const optim::RuleEntry& entry = known_rules().find(spec.name);
  const optim::Settings defaults = optim::complete(entry, {});
  std::map<std::string, std::string> values = spec.settings;
  for (const auto& [name, value] : kVisible)
    if (defaults.has(name)) values.try_emplace(name, value);
  for (const auto& [name, value] : entry.trial) values.try_emplace(name, value);
  return optim::complete(entry, optim::Settings(values));
}

/// "rho = 0.3, k = 2", in lines of at most 98 columns.
std::vector<std::string> lines_of(const optim::Settings& settings) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : settings.values()) {
    const std::string setting = fmt::format("{} = {}", name, value);
    if (lines.empty() || lines.back().size() + setting.size() > 94)
      lines.push_back(setting);
    else
      lines.back() += fmt::format(", {}", setting);
  }
  return lines;
}

void tell(Screen& screen, const RuleSpec& spec, const NamedWalk& walk, const ProductData& data,
          const ExplainOptions& options) {
  const optim::RuleEntry& entry = known_rules().find(spec.name);
  screen.print(fmt::format("{}: {}", screen.bold(entry.name), entry.summary));
  if (!entry.paper.empty()) screen.print(screen.dim(fmt::format("  {}", entry.paper)));
  for (const std::string& line : lines_of(settings_of(spec)))
    screen.print(screen.dim(fmt::format("  {}", line)));
  for (const std::string& line : story_of(walk.updates.at(static_cast<std::size_t>(options.step))))
    screen.print(line);
  for (const std::string& line : ending_of(walk.updates, data)) screen.print(line);
}

/// The walk of rule i first, then the others, and plain SGD for comparison.
std::vector<NamedWalk> in_front(std::vector<NamedWalk> walks, std::size_t i,
                                const NamedWalk& plain) {
  std::rotate(walks.begin(), walks.begin() + static_cast<std::ptrdiff_t>(i),
              walks.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  const bool has_plain = std::any_of(
      walks.begin(), walks.end(), [&](const NamedWalk& walk) { return walk.name == plain.name; });
  if (!has_plain) walks.push_back(plain);
  return walks;
}

int explain(const ExplainOptions& options) {
  require(options.step >= 0 && options.step < options.walk.steps,
          "explain: step is {}, want one of the {} steps, counted from 0", options.step,
          options.walk.steps);
  const ProductData data(options.walk.seed);
  const auto walked = [&](const RuleSpec& spec) {
    return NamedWalk{spec.name,
                     walk(known_rules(), spec.name, settings_of(spec), data, options.walk)};
  };
  std::vector<RuleSpec> specs;
  std::vector<NamedWalk> walks;
  for (const std::string& rule : options.rules) {
    specs.push_back(parse_rule(rule));
    walks.push_back(walked(specs.back()));
  }
  const NamedWalk plain = walked({"none", {}});

  Screen screen;
  make_folders(options.out);
  for (std::size_t i = 0; i < walks.size(); ++i) {
    tell(screen, specs[i], walks[i], data, options);
    const std::vector<NamedWalk> shown = in_front(walks, i, plain);
    const std::string stem = (fs::path(options.out) / walks[i].name).string();
    write_file_atomically(stem + ".svg",
                          picture_of(shown, static_cast<std::size_t>(options.step), data));
    write_file_atomically(stem + "-animated.svg", animation_of(shown, data));
    screen.print(fmt::format("{0}.svg, {0}-animated.svg\n", stem));
  }
  return kGood;
}

}  // namespace

std::function<int()> declare_explain(CLI::App& command) {
  const auto options = std::make_shared<ExplainOptions>();
  command.add_option("rules", options->rules, "one rule or more: sam, gsam:alpha=0.5")->required();
  command.add_option("--step", options->step, "the update to tell")->capture_default_str();
  command.add_option("--steps", options->walk.steps, "length of the walk")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_option("--lr", options->walk.rate, "learning rate of the SGD below the rule")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--start", options->walk.start, "the two weights at first")
      ->delimiter(',')
      ->type_name("A,B");
  command.add_option("--seed", options->walk.seed, "of the samples and their order")
      ->capture_default_str();
  command.add_option("--out", options->out, "folder for the pictures")->capture_default_str();
  return [options] { return explain(*options); };
}

}  // namespace polder::app
