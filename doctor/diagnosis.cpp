#include "polder/doctor/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

#include "polder/core/error.h"

namespace polder::doctor {

namespace {

constexpr std::size_t kIndent = 21;  // columns before the text of a finding

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine:
      return "ok";
    case Verdict::wrong:
      return "WRONG";
    case Verdict::unknown:
      break;
  }
  return "-";
}

/// The text behind `head`, further lines under its first.
std::string paragraph(const std::string& head, std::string_view text, std::size_t columns) {
  std::string lines, front = head;
  for (const std::string& line : wrapped(text, columns - std::min(columns - 1, kIndent))) {
    lines += fmt::format("{:<{}}{}\n", front, kIndent, line);
    front.clear();
  }
  return lines;
}

std::string to_text(const Finding& finding, std::size_t columns) {
  const std::string head = fmt::format("  {:<7}{}", word_of(finding.verdict), finding.symptom);
  std::string text = paragraph(head, finding.measured, columns);
  if (finding.verdict != Verdict::wrong) return text;
  return text + paragraph("", "Why: " + finding.why, columns) +
         paragraph("", "Do: " + finding.remedy, columns);
}

std::string head_line(const Diagnosis& diagnosis) {
  const auto count =
      std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                    [](const Finding& finding) { return finding.verdict == Verdict::wrong; });
  const std::string steps =
      fmt::format("{} step{} examined", diagnosis.steps, diagnosis.steps == 1 ? "" : "s");
  if (count == 0) return steps + ", nothing wrong\n";
  return fmt::format("{}, {} thing{} wrong\n", steps, count, count == 1 ? " is" : "s are");
}

}  // namespace

bool Diagnosis::healthy() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.verdict == Verdict::wrong; });
}

const Finding& Diagnosis::of(std::string_view symptom) const {
  for (const Finding& finding : findings)
    if (finding.symptom == symptom) return finding;
  fail("Diagnosis::of: no symptom is called '{}'", symptom);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines.push_back(line);
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  lines.push_back(line);
  return lines;
}

std::string to_text(const Diagnosis& diagnosis, std::size_t columns) {
  std::string text = head_line(diagnosis);
  for (const Finding& finding : diagnosis.findings) text += to_text(finding, columns);
  return text;
}

}  // namespace polder::doctor
