#pragma once

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

#include "polder/kernels/backend.h"
#include "polder/kernels/cuda/launch.cuh"
#include "test_support.h"

// What the tests of the executor share: kernels of their own, launched without a device's memory.
namespace polder::kernels::emulated::testing {

/// Runs kernel(arguments...) on every thread of a Launch or a Grid.
template <class Shape, class... P, class... A>
void run(const Shape& shape, void (*kernel)(P...), A&&... arguments) {
  run_kernel(shape, kernel, std::tuple<P...>(static_cast<P>(arguments)...));
}

/// "file_test.cpp:42", `below` lines under the one that asks.
inline std::string line(int below = 0,
                        std::source_location where = std::source_location::current()) {
  const std::string file = where.file_name();
  return file.substr(file.rfind('/') + 1) + ":" +
         std::to_string(static_cast<int>(where.line()) + below);
}

/// Counts the objects that live on the stacks of kernel threads.
struct Guard {
  explicit Guard(int& alive) : alive_(alive) { ++alive_; }
  ~Guard() { --alive_; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  int& alive_;
};

/// Every test starts from the checks that are on by themselves, and leaves behind those of the
/// program and its number of threads. Random numbers are fresh, or those of POLDER_TEST_SEED.
class EmulatedTest : public ::testing::Test {
 protected:
  EmulatedTest() { set_checks({}); }

  void TearDown() override {
    set_thread_count(threads_before_);
    set_checks(checks_before_);
  }

  template <class T>
  std::vector<T> draw(std::size_t count, T low, T high) {
    std::vector<T> values(count);
    for (T& value : values)
      if constexpr (std::is_integral_v<T>)
        value = std::uniform_int_distribution<T>(low, high)(generator_);
      else
        value = std::uniform_real_distribution<T>(low, high)(generator_);
    return values;
  }

  static std::uint64_t run_seed() {
    const char* given = std::getenv("POLDER_TEST_SEED");
    return given == nullptr ? std::random_device{}() : std::stoull(given);
  }

 private:
  Checks checks_before_ = current_checks();
  int threads_before_ = kernels::thread_count();
  std::uint64_t seed_ = run_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "POLDER_TEST_SEED=" + std::to_string(seed_)};
  std::mt19937_64 generator_{seed_};
};

}  // namespace polder::kernels::emulated::testing
