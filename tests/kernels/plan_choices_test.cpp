#include "polder/kernels/cuda/plan_choices.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

namespace polder::kernels::cuda {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class PlanChoicesTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("polder plan choices " + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
       ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path file_ = folder_ / "not there yet" / "choices.txt";
};

TEST_F(PlanChoicesTest, OutliveTheProgram) {
  PlanChoices first(file_);
  EXPECT_TRUE(first.is_kept());
  EXPECT_EQ(first.find("conv2d a"), std::nullopt);
  first.add("conv2d a", "17 2=0 13=4");
  first.add("conv2d b", "1");
  EXPECT_THAT(first.find("conv2d a"), Optional(Eq("17 2=0 13=4")));
  const PlanChoices second(file_);
  EXPECT_THAT(second.find("conv2d a"), Optional(Eq("17 2=0 13=4")));
  EXPECT_THAT(second.find("conv2d b"), Optional(Eq("1")));
  EXPECT_EQ(second.find("conv2d"), std::nullopt);
}

TEST_F(PlanChoicesTest, OfTwoProgramsThatChoseAtOnceTheFirstIsRemembered) {
  PlanChoices one(file_), other(file_);
  one.add("conv2d a", "1");
  other.add("conv2d a", "2");
  EXPECT_THAT(other.find("conv2d a"), Optional(Eq("2")));
  EXPECT_THAT(PlanChoices(file_).find("conv2d a"), Optional(Eq("1")));
}

TEST_F(PlanChoicesTest, ALineThatIsNotAChoiceIsPassedOver) {
  PlanChoices(file_).add("conv2d a", "1");
  std::ofstream(file_, std::ios::app) << "no tab\n\n";
  PlanChoices(file_).add("conv2d b", "2");
  const PlanChoices read(file_);
  EXPECT_THAT(read.find("conv2d a"), Optional(Eq("1")));
  EXPECT_THAT(read.find("conv2d b"), Optional(Eq("2")));
}

TEST_F(PlanChoicesTest, WithoutAFileTheyLastAsLongAsTheProgram) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "a file").put('x');
  for (const auto& file : {std::filesystem::path(), folder_ / "a file" / "choices.txt"}) {
    PlanChoices choices(file);
    EXPECT_FALSE(choices.is_kept());
    choices.add("conv2d a", "1");
    EXPECT_THAT(choices.find("conv2d a"), Optional(Eq("1")));
  }
}

TEST_F(PlanChoicesTest, EachCardAndVersionHasItsFileInTheFolderAskedFor) {
  ASSERT_EQ(setenv("POLDER_CACHE", folder_.c_str(), 1), 0);
  EXPECT_EQ(plan_choices_file("NVIDIA H200", 91900),
            folder_ / "convolutions of NVIDIA H200, cudnn 91900.txt");
  ASSERT_EQ(unsetenv("POLDER_CACHE"), 0);
  ASSERT_EQ(setenv("XDG_CACHE_HOME", folder_.c_str(), 1), 0);
  EXPECT_EQ(plan_choices_file("A", 1).parent_path(), folder_ / "polder");
  ASSERT_EQ(unsetenv("XDG_CACHE_HOME"), 0);
  ASSERT_EQ(setenv("HOME", folder_.c_str(), 1), 0);
  EXPECT_EQ(plan_choices_file("A", 1).parent_path(), folder_ / ".cache" / "polder");
  ASSERT_EQ(unsetenv("HOME"), 0);
  EXPECT_TRUE(plan_choices_file("A", 1).empty());
}

}  // namespace
}  // namespace polder::kernels::cuda
