#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "polder/app/commands/commands.h"
#include "polder/app/interrupt.h"
#include "polder/app/terminal.h"
#include "polder/app/trainer.h"
#include "polder/app/verify_table.h"
#include "polder/core/text.h"

namespace polder::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kWidest = 100;

struct Options {
  std::vector<std::string> rules, checks, devices;
  int steps = 50;
  bool json = false;
};

/// A check of a rule on a device that is still to be made.
struct Task {
  Device device;
  const optim::RuleEntry* entry;
  const verify::Check* check;
};

std::vector<Device> devices_of(const Options& options) {
  if (options.devices.empty()) return kernels::available_devices();
  std::vector<Device> devices;
  for (const std::string& name : options.devices) {
    devices.push_back(parse_device(name));
    static_cast<void>(kernels::backend_of(devices.back()));
  }
  return devices;
}

std::vector<Task> tasks_of(const Options& options) {
  std::vector<std::string> rules = options.rules;
  if (rules.empty()) rules = known_rules().names();
  std::vector<const verify::Check*> checks;
  for (const std::string& name : options.checks) checks.push_back(&verify::find_check(name));
  if (checks.empty())
    for (const verify::Check& check : verify::checks()) checks.push_back(&check);
  std::vector<Task> tasks;
  for (const Device device : devices_of(options))
    for (const std::string& rule : rules)
      for (const verify::Check* check : checks)
        tasks.push_back({device, &known_rules().find(rule), check});
  return tasks;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Verdict judge(const Task& task, int steps) {
  const auto start = Clock::now();
  Verdict verdict{task.device, task.entry->name, task.check->name, {}};
  verdict.outcome = verify::run(*task.check, {*task.entry, known_rules(), task.device, steps});
  verdict.seconds = seconds_since(start);
  return verdict;
}

void print_results(Screen& screen, const std::vector<Verdict>& verdicts, double seconds) {
  if (screen.live()) {
    for (const std::string& line :
         verify_table(verdicts, screen, std::min(kWidest, screen.width())))
      screen.print(line);
    for (const Verdict& verdict : verdicts)
      if (verdict.outcome.red()) screen.print(screen.bad(verdict_line(verdict)));
  }
  screen.print(fmt::format("{}; {:.0f} s", verify_summary(verdicts), seconds));
}

int verify_rules(const Options& options) {
  require(options.steps > 0, "verify: steps is {}, wanted at least 1", options.steps);
  const std::vector<Task> tasks = tasks_of(options);
  const auto start = Clock::now();
  Screen screen;
  catch_interrupts();
  std::vector<Verdict> verdicts;
  bool red = false;
  for (const Task& task : tasks) {
    if (interrupted()) break;
    const double done = static_cast<double>(verdicts.size()) / static_cast<double>(tasks.size());
    if (!options.json)
      screen.draw({fmt::format("{} {:>3.0f} %  {}  {} on {}: {}", screen.bar(done, 24), 100 * done,
                               clock_text(seconds_since(start)), task.entry->name,
                               to_string(task.device), task.check->name)});
    verdicts.push_back(judge(task, options.steps));
    red = red || verdicts.back().outcome.red();
    if (!options.json && !screen.live()) screen.print(verdict_line(verdicts.back()));
  }
  if (options.json)
    screen.print(to_json(verdicts));
  else
    print_results(screen, verdicts, seconds_since(start));
  if (interrupted()) return kInterrupted;
  return red ? kRed : kGood;
}

std::string check_names() {
  std::vector<std::string> names;
  for (const verify::Check& check : verify::checks()) names.push_back(check.name);
  return join(names);
}

}  // namespace

std::function<int()> declare_verify(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("--rule", options->rules, "these rules alone")->delimiter(',')->type_name("RULE");
  app.add_option("--check", options->checks, "these checks alone: " + check_names())
      ->delimiter(',')
      ->type_name("CHECK");
  app.add_option("--device", options->devices, "these devices alone: cpu, emulated, cuda:0")
      ->delimiter(',')
      ->type_name("DEVICE");
  app.add_option("--steps", options->steps, "steps beside the reference")->type_name("[50]");
  app.add_flag("--json", options->json, "one JSON object instead of a table");
  return [options] { return verify_rules(*options); };
}

}  // namespace polder::app
