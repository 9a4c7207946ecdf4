#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

namespace {

/// Prints each family of benchmarks (the name up to the first slash) as one Markdown table: the
/// rest of the name, then the counters. A benchmark that has no value for a column shows a dash.
class MarkdownReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (!rows_.empty() && family_of(run) != family_of(rows_.front())) print_table();
      rows_.push_back(run);
    }
  }

  void Finalize() override { print_table(); }

 private:
  static std::string family_of(const Run& run) {
    const std::string& name = run.run_name.function_name;
    return name.substr(0, name.find('/'));
  }
  static std::string case_of(const Run& run) {
    const std::string& name = run.run_name.function_name;
    const auto slash = name.find('/');
    return slash == std::string::npos ? "" : name.substr(slash + 1);
  }

  void print_table() {
    if (rows_.empty()) return;
    std::set<std::string> columns;
    for (const Run& run : rows_)
      for (const auto& [name, counter] : run.counters) columns.insert(name);
    fmt::print("\n### {}\n\n| |", family_of(rows_.front()));
    for (const std::string& column : columns) fmt::print(" {} |", column);
    fmt::print("\n| --- |");
    for (std::size_t i = 0; i < columns.size(); ++i) fmt::print(" ---: |");
    fmt::print("\n");
    for (const Run& run : rows_) print_row(run, columns);
    std::fflush(stdout);
    rows_.clear();
  }

  static void print_row(const Run& run, const std::set<std::string>& columns) {
    fmt::print("| {}{} |", case_of(run),
               run.error_occurred ? " (" + run.error_message + ")" : std::string());
    for (const std::string& column : columns) {
      const auto found = run.counters.find(column);
      fmt::print(" {} |", found == run.counters.end() ? "-" : number(found->second.value));
    }
    fmt::print("\n");
  }

  static std::string number(double value) {
    const double size = std::abs(value);
    if (value == std::trunc(value) && size < 1e9) return fmt::format("{:.0f}", value);
    return fmt::format("{:.{}f}", value, size < 10 ? 2 : size < 100 ? 1 : 0);
  }

  std::vector<Run> rows_;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  MarkdownReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
