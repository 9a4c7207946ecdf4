#include <cstdio>
#include <cstdlib>

#include "emulated/emulated_test.h"
#include "polder/kernels/emulated/sanitizer.h"

// What decides which checks are made: the environment until a program says otherwise; and what the
// address sanitizer adds to them. Each runs in a process of its own.
namespace polder::kernels::emulated::testing {
namespace {

class ChecksDeathTest : public ::testing::Test {
 protected:
  ChecksDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

/// Prints the checks, or the sentence of the error, and ends the process.
[[noreturn]] void print_checks(const char* poison, const char* seed) {
  setenv("POLDER_EMULATED_POISON", poison, 1);
  setenv("POLDER_EMULATED_SEED", seed, 1);
  const std::string sentence = error_of([] { static_cast<void>(current_checks()); });
  if (sentence.empty())
    std::fprintf(stderr, "poison %d, seed %d\n", static_cast<int>(current_checks().poison_shared),
                 static_cast<int>(current_checks().order_seed));
  else
    std::fprintf(stderr, "%s\n", sentence.c_str());
  std::exit(0);
}

TEST_F(ChecksDeathTest, TheEnvironmentDecidesFirst) {
  const auto ended = ::testing::ExitedWithCode(0);
  EXPECT_EXIT(print_checks("0", "77"), ended, "poison 0, seed 77\n");
  EXPECT_EXIT(print_checks("1", "0"), ended, "poison 1, seed 0\n");
}

TEST_F(ChecksDeathTest, TheEnvironmentMustBeReadable) {
  const auto ended = ::testing::ExitedWithCode(0);
  EXPECT_EXIT(print_checks("yes", "1"), ended,
              "POLDER_EMULATED_POISON: \"yes\" found, a whole number wanted\n");
  EXPECT_EXIT(print_checks("1", "7x"), ended,
              "POLDER_EMULATED_SEED: \"7x\" found, a whole number wanted\n");
  EXPECT_EXIT(print_checks("1", ""), ended, "POLDER_EMULATED_SEED: \"\" found");
}

TEST_F(ChecksDeathTest, TheProgramDecidesThen) {
  const auto decide = [] {
    set_checks({.poison_shared = false, .order_seed = 3});
    print_checks("1", "9");
  };
  EXPECT_EXIT(decide(), ::testing::ExitedWithCode(0), "poison 0, seed 3\n");
}

__global__ void write_past(float* out, unsigned size) {
  POLDER_SHARED(float, values, 8);
  __syncthreads();
  if (threadIdx.x == size) out[threadIdx.x] = 1;
  float* const first = &values[0];
  first[threadIdx.x] = 2;
}

TEST_F(ChecksDeathTest, TheAddressSanitizerSeesTheKernelsMemory) {
  if (!machine::kAddressSanitizer) GTEST_SKIP() << "built without the address sanitizer";
  std::vector<float> out(4);
  EXPECT_DEATH(run(Launch{.threads = 8}, write_past, out.data(), 4U),
               "heap-buffer-overflow(.|\n)*WRITE of size 4(.|\n)*write_past.*checks_test.cpp");
  EXPECT_DEATH(run(Launch{.threads = 9}, write_past, out.data(), 100U),
               "heap-buffer-overflow(.|\n)*WRITE of size 4(.|\n)*write_past.*checks_test.cpp");
  EXPECT_EXIT(
      {
        run(Launch{.threads = 8}, write_past, out.data(), 100U);
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
