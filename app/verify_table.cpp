#include "polder/app/verify_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

namespace polder::app {

using verify::Outcome;

namespace {

constexpr std::size_t kCell = 6;

std::string word_of(const Outcome& outcome) {
  if (outcome.red()) return "red";
  return outcome.green() ? "green" : "does not apply";
}

std::size_t count(const std::vector<Verdict>& verdicts, Outcome::State state) {
  return static_cast<std::size_t>(
      std::count_if(verdicts.begin(), verdicts.end(),
                    [&](const Verdict& verdict) { return verdict.outcome.state == state; }));
}

/// The different names among the verdicts of a device, in their order.
template <class F>
std::vector<std::string> names(const std::vector<Verdict>& verdicts, const F& name_of) {
  std::vector<std::string> found;
  for (const Verdict& verdict : verdicts)
    if (std::find(found.begin(), found.end(), name_of(verdict)) == found.end())
      found.push_back(name_of(verdict));
  return found;
}

/// One line for each column: "  │     ╭ name   what green means", where that fits.
std::vector<std::string> head(std::span<const std::string> checks, std::size_t indent,
                              const Screen& screen, std::size_t width) {
  std::vector<std::string> lines;
  for (std::size_t row = 0; row < checks.size(); ++row) {
    std::string line(indent, ' ');
    for (std::size_t column = 0; column < row; ++column) line += pad("│", kCell);
    line += "╭ " + screen.bold(checks[row]);
    const std::string& meaning = verify::find_check(checks[row]).explanation;
    const bool fits = columns_of(line) + 2 + columns_of(meaning) <= width;
    lines.push_back(fits ? line + "  " + screen.dim(meaning) : cut_to(line, width));
  }
  return lines;
}

std::string cell(const std::vector<Verdict>& verdicts, const std::string& rule,
                 const std::string& check, const Screen& screen) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.rule != rule || verdict.check != check) continue;
    if (verdict.outcome.red())
      return screen.bad(pad("✗" + short_error(verdict.outcome.error), kCell));
    if (verdict.outcome.green()) return screen.good(pad(short_error(verdict.outcome.error), kCell));
  }
  return screen.dim(pad("·", kCell));
}

void add_device(const std::vector<Verdict>& verdicts, const Screen& screen, std::size_t width,
                std::vector<std::string>& lines) {
  const auto rules = names(verdicts, [](const Verdict& verdict) { return verdict.rule; });
  std::vector<Verdict> applying = verdicts;
  std::erase_if(applying, [](const Verdict& verdict) {
    return verdict.outcome.state == Outcome::State::not_applicable;
  });
  const auto columns = names(applying, [](const Verdict& verdict) { return verdict.check; });
  // In the order of the checks, whichever rule they apply to first.
  std::vector<std::string> checks;
  for (const verify::Check& check : verify::checks())
    if (std::find(columns.begin(), columns.end(), check.name) != columns.end())
      checks.push_back(check.name);
  std::size_t indent = 0;
  for (const std::string& rule : rules) indent = std::max(indent, rule.size() + 2);
  const std::size_t most = width > indent + kCell ? (width - indent) / kCell : 1;
  const std::string device = to_string(verdicts.front().device);
  for (std::size_t first = 0; first < checks.size(); first += most) {
    const auto panel = std::span(checks).subspan(first, std::min(most, checks.size() - first));
    lines.push_back(screen.bold(device));
    for (std::string& line : head(panel, indent, screen, width)) lines.push_back(std::move(line));
    for (const std::string& rule : rules) {
      std::string line = pad(rule, indent);
      for (const std::string& check : panel) line += cell(verdicts, rule, check, screen);
      lines.push_back(line);
    }
    lines.emplace_back();
  }
}

}  // namespace

std::string short_error(double error) {
  if (error == 0.0) return "0";
  if (!std::isfinite(error)) return "inf";
  std::string text = fmt::format("{:.0e}", error);
  for (const char* zero : {"e-0", "e+0", "e+"}) {
    const std::size_t at = text.find(zero);
    if (at == std::string::npos) continue;
    text.replace(at, std::string_view(zero).size(), text[at + 1] == '-' ? "e-" : "e");
    break;
  }
  return text.ends_with("e0") ? text.substr(0, text.size() - 2) : text;
}

std::vector<std::string> verify_table(const std::vector<Verdict>& verdicts, const Screen& screen,
                                      std::size_t width) {
  std::vector<std::string> lines;
  const auto device_of = [](const Verdict& verdict) { return to_string(verdict.device); };
  for (const std::string& device : names(verdicts, device_of)) {
    std::vector<Verdict> here = verdicts;
    std::erase_if(here, [&](const Verdict& verdict) { return device_of(verdict) != device; });
    add_device(here, screen, width, lines);
  }
  return lines;
}

std::string verdict_line(const Verdict& verdict) {
  const Outcome& outcome = verdict.outcome;
  std::string line = fmt::format("{}  {}  {}  {}", word_of(outcome), to_string(verdict.device),
                                 verdict.rule, verdict.check);
  if (outcome.state == Outcome::State::not_applicable) return line + ": " + outcome.note;
  line += fmt::format("  {:.3g} (limit {:.3g})", outcome.error, outcome.limit);
  return outcome.note.empty() ? line : line + ": " + outcome.note;
}

std::string verify_summary(const std::vector<Verdict>& verdicts) {
  return fmt::format("{} green, {} red, {} do not apply", count(verdicts, Outcome::State::green),
                     count(verdicts, Outcome::State::red),
                     count(verdicts, Outcome::State::not_applicable));
}

std::string to_json(const std::vector<Verdict>& verdicts) {
  nlohmann::json results = nlohmann::json::array();
  double seconds = 0.0;
  for (const Verdict& verdict : verdicts) {
    seconds += verdict.seconds;
    results.push_back({{"device", to_string(verdict.device)},
                       {"rule", verdict.rule},
                       {"check", verdict.check},
                       {"state", word_of(verdict.outcome)},
                       {"error", verdict.outcome.error},
                       {"limit", verdict.outcome.limit},
                       {"note", verdict.outcome.note},
                       {"seconds", verdict.seconds}});
  }
  const nlohmann::json all = {{"green", count(verdicts, Outcome::State::green)},
                              {"red", count(verdicts, Outcome::State::red)},
                              {"does_not_apply", count(verdicts, Outcome::State::not_applicable)},
                              {"seconds", seconds},
                              {"results", results}};
  return all.dump(1);
}

}  // namespace polder::app
