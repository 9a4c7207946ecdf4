#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polder::doctor {

/// `unknown`: nothing was seen that could be judged, and `measured` says why.
enum class Verdict { fine, wrong, unknown };

/// What one symptom came to.
struct Finding {
  std::string_view symptom;  // its name, as in symptoms.h
  Verdict verdict = Verdict::unknown;
  std::string measured;  // the numbers, in a line
  std::string why;       // why it matters; empty unless wrong
  std::string remedy;    // what to do about it; empty unless wrong
};

/// What an examination came to, one finding for every symptom.
struct Diagnosis {
  std::int64_t steps = 0;  // that were made; fewer than asked for when numbers stopped being finite
  std::vector<Finding> findings;

  bool healthy() const;
  /// Throws Error when there is no such symptom.
  const Finding& of(std::string_view symptom) const;
};

/// One line for what is fine or unknown; measured, why and remedy for what is wrong. No line is
/// longer than `columns` (at least 40) unless a single word is.
std::string to_text(const Diagnosis& diagnosis, std::size_t columns = 100);

/// The text in lines of at most `columns`, broken at spaces.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

}  // namespace polder::doctor
