#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <string>

namespace {

/// Prints each family of benchmarks (the name up to the first slash) as one Markdown table: the
/// rest of the name, then the counters.
class MarkdownReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const std::string name = run.run_name.function_name;
      const auto slash = name.find('/');
      begin_family(name.substr(0, slash), run);
      const std::string row = slash == std::string::npos ? "" : name.substr(slash + 1);
      fmt::print("| {} |", row);
      if (run.error_occurred) fmt::print(" {} |", run.error_message);
      for (const auto& [counter, value] : run.counters) fmt::print(" {} |", number(value.value));
      fmt::print("\n");
      std::fflush(stdout);
    }
  }

 private:
  void begin_family(const std::string& family, const Run& run) {
    if (family == family_) return;
    family_ = family;
    fmt::print("\n### {}\n\n| |", family);
    for (const auto& [counter, value] : run.counters) fmt::print(" {} |", counter);
    fmt::print("\n| --- |");
    for (std::size_t i = 0; i < run.counters.size(); ++i) fmt::print(" ---: |");
    fmt::print("\n");
  }

  static std::string number(double value) {
    const double size = value < 0 ? -value : value;
    if (value == static_cast<double>(static_cast<long long>(value)) && size < 1e9)
      return fmt::format("{}", static_cast<long long>(value));
    return fmt::format("{:.{}f}", value, size < 10 ? 2 : size < 100 ? 1 : 0);
  }

  std::string family_;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  MarkdownReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
