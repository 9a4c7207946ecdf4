#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "polder/app/job.h"
#include "polder/app/terminal.h"

namespace polder::app {

/// Shows a comparison: a line for every run that ends, and below them, on a terminal, a live bar
/// for each running job and one for the whole.
class CompareProgress {
 public:
  CompareProgress(Screen& screen, std::size_t runs, std::size_t finished);

  void show(const std::vector<std::unique_ptr<Job>>& jobs);
  void ended(const Job& job);

 private:
  using Clock = std::chrono::steady_clock;

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  std::string total_line(double running) const;

  Screen& screen_;
  std::size_t runs_, finished_;
  double made_here_ = 0.0;  // runs made by this process, in whole and in part
  Clock::time_point start_ = Clock::now();
};

}  // namespace polder::app
