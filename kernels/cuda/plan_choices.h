#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace polder::kernels::cuda {

/// Which engine computes which problem on one kind of card, remembered in a file beyond this run:
/// a choice made with a stopwatch could fall differently tomorrow, and other engines round
/// differently. A line is "problem<tab>engine"; of two lines for a problem the first counts. When
/// the file cannot be kept nothing is timed, and the heuristics' first choice is taken.
class PlanChoices {
 public:
  /// `file` need not exist yet; empty: nothing is remembered.
  explicit PlanChoices(std::filesystem::path file);

  /// False when choices do not outlive this run.
  bool is_kept() const { return is_kept_; }
  std::optional<std::string> find(const std::string& problem) const;
  /// Remembers a choice. Text holds neither tab nor line feed.
  void add(const std::string& problem, const std::string& engine);

 private:
  std::filesystem::path file_;
  bool is_kept_ = false;
  std::map<std::string, std::string> engines_;
};

/// The file for a card with a version of cuDNN: $POLDER_CACHE, $XDG_CACHE_HOME/polder or
/// $HOME/.cache/polder, and "convolutions of <card>, cudnn <version>.txt" in it. Empty when none of
/// the variables is set.
std::filesystem::path plan_choices_file(const std::string& card, std::size_t cudnn_version);

}  // namespace polder::kernels::cuda
