#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "polder/core/error.h"
#include "polder/kernels/back_ends.h"
#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/convolution_plan.h"
#include "polder/nn/convolution.h"
#include "polder/nn/models/registry.h"

// Every convolution of the large models, planned for a card that is not here: cuDNN is given the
// stored description of an H200. On a machine with a card the same is done for that card.
namespace polder::kernels::cuda {
namespace {

std::string stored_description() {
  std::ifstream file(POLDER_DEVICE_DESCRIPTION);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Network {
  const char* label;
  const char* model;
  Shape sample;
};

std::ostream& operator<<(std::ostream& out, const Network& network) { return out << network.label; }

const Network kNetworks[] = {{"resnet18_32x32", "resnet18", {32, 32, 3}},
                             {"resnet18_28x28", "resnet18", {28, 28, 1}},
                             {"wide_resnet28_10", "wide_resnet28_10", {32, 32, 3}}};

constexpr std::int64_t kImages = 128;
constexpr std::array kPasses = {ConvolutionPass::forward, ConvolutionPass::input_gradient,
                                ConvolutionPass::weight_gradient};

struct Arithmetic {
  DType dtype;
  bool tf32;
};
constexpr std::array kArithmetics = {Arithmetic{DType::float32, false},
                                     Arithmetic{DType::float32, true},
                                     Arithmetic{DType::bfloat16, false}};

ConvolutionProblem problem_of(ConvolutionPass pass, const nn::ConvolutionSizes& sizes,
                              Arithmetic arithmetic) {
  const Window window{sizes.w[1],   sizes.w[2],    sizes.stride,
                      sizes.stride, sizes.padding, sizes.padding};
  const Shape y{sizes.x[0], window_outputs(sizes.x[1], sizes.w[1], sizes.stride, sizes.padding),
                window_outputs(sizes.x[2], sizes.w[2], sizes.stride, sizes.padding), sizes.w[0]};
  auto problem = ConvolutionProblem::of(pass, arithmetic.dtype, sizes.x, sizes.w, y, window);
  problem.tf32 = arithmetic.tf32;
  return problem;
}

/// The different problems of a training step of the network.
std::set<ConvolutionProblem> problems_of(const Network& network) {
  const auto model = nn::make_model(network.model, network.sample, 10, {});
  std::set<ConvolutionProblem> problems;
  for (const nn::ConvolutionSizes& sizes : nn::convolutions_of(*model, network.sample, kImages))
    for (const Arithmetic arithmetic : kArithmetics)
      for (const ConvolutionPass pass : kPasses)
        problems.insert(problem_of(pass, sizes, arithmetic));
  return problems;
}

std::vector<std::string> names(const std::vector<Engine>& engines) {
  std::vector<std::string> all;
  for (const Engine& engine : engines) all.push_back(engine.name);
  return all;
}

/// Whether some engine that is there in compiled form can be made ready. Those that are compiled
/// when they are first used need the card's driver: for them cuDNN's offer is all there is to see.
bool has_plan(const std::vector<Engine>& engines, const PlanTarget& target) {
  return std::any_of(engines.begin(), engines.end(), [&](const Engine& engine) {
    return engine.compiled_at_runtime || ConvolutionPlan::of(engine, target).has_value();
  });
}

class CudnnPlans : public ::testing::TestWithParam<Network> {};
INSTANTIATE_TEST_SUITE_P(Networks, CudnnPlans, ::testing::ValuesIn(kNetworks),
                         [](const auto& network) { return std::string(network.param.label); });

TEST_P(CudnnPlans, ExistForEveryConvolutionOnADescribedCard) {
  const PlanTarget target = PlanTarget::described(stored_description());
  const std::set<ConvolutionProblem> problems = problems_of(GetParam());
  ASSERT_GE(problems.size(), 9 * 9U);
  for (const ConvolutionProblem& problem : problems) {
    const std::vector<Engine> engines = engines_of(problem, target);
    EXPECT_TRUE(has_plan(engines, target))
        << to_string(problem) << ": " << engines.size() << " engines";
  }
}

nn::ConvolutionSizes ordinary() {
  return {.x = {kImages, 32, 32, 64}, .w = {64, 3, 3, 64}, .stride = 1, .padding = 1};
}

TEST(CudnnEngines, AreTheSameEveryTime) {
  const PlanTarget target = PlanTarget::described(stored_description());
  for (const ConvolutionPass pass : kPasses) {
    const auto problem = problem_of(pass, ordinary(), {DType::float32, true});
    EXPECT_EQ(names(engines_of(problem, target)), names(engines_of(problem, target)));
  }
}

TEST(CudnnEngines, OfFloat32WithoutTf32AreFewerAndAmongThoseWith) {
  const PlanTarget target = PlanTarget::described(stored_description());
  for (const ConvolutionPass pass : kPasses) {
    const auto strict =
        names(engines_of(problem_of(pass, ordinary(), {DType::float32, false}), target));
    const auto all =
        names(engines_of(problem_of(pass, ordinary(), {DType::float32, true}), target));
    EXPECT_LT(strict.size(), all.size());
    EXPECT_THAT(all, ::testing::IsSupersetOf(strict));
  }
}

TEST(CudnnEngines, ADescriptionSurvivesBeingReadAndWritten) {
  const std::string written = PlanTarget::described(stored_description()).description();
  EXPECT_THAT(written, ::testing::HasSubstr("NVIDIA H200"));
  EXPECT_EQ(PlanTarget::described(written).description(), written);
}

TEST(CudnnEngines, ARefusalNamesTheLineAndCudnnsReason) {
  try {
    PlanTarget::described("{\"deviceVer\": \"nine\"}");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::ContainsRegex("^cudnn: .*CUDNN_STATUS_BAD_PARAM.* at "
                                                       "convolution_plan.cpp:[0-9]+$"));
  }
}

/// A handle of cuDNN on the first card.
class CardHandle {
 public:
  CardHandle() { check(cudnnCreate(&handle_)); }
  ~CardHandle() { static_cast<void>(cudnnDestroy(handle_)); }
  CardHandle(const CardHandle&) = delete;
  CardHandle& operator=(const CardHandle&) = delete;
  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

TEST(CudnnEngines, OfACardAndOfItsDescriptionAreTheSame) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no card: " << why_no_card();
  backend_of(Device{DeviceType::cuda, 0});
  const CardHandle card;
  const PlanTarget here(card.get());
  const PlanTarget described = PlanTarget::described(here.description());
  for (const Network& network : kNetworks)
    for (const ConvolutionProblem& problem : problems_of(network)) {
      const std::vector<Engine> engines = engines_of(problem, here);
      EXPECT_TRUE(has_plan(engines, here)) << to_string(problem);
      EXPECT_EQ(names(engines), names(engines_of(problem, described))) << to_string(problem);
    }
}

TEST(CudnnEngines, MadeReadyForACardAndForItsDescriptionComputeTheSameBits) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no card: " << why_no_card();
  const Device device{DeviceType::cuda, 0};
  Backend& backend = backend_of(device);
  const CardHandle card;
  const PlanTarget here(card.get());
  const PlanTarget described = PlanTarget::described(here.description());
  const nn::ConvolutionSizes sizes = ordinary();
  const Tensor x = Tensor::empty(sizes.x, DType::float32, device);
  const Tensor w = Tensor::empty(sizes.w, DType::float32, device);
  Tensor drawn = x;
  backend.random_normal({.seed = 1}, 0.0, 1.0, drawn);
  drawn = w;
  backend.random_normal({.seed = 2}, 0.0, 1.0, drawn);
  w.to_vector<float>();  // waits: the handle computes on a stream of its own
  const auto problem = problem_of(ConvolutionPass::forward, sizes, {DType::float32, false});
  const auto result = [&](const PlanTarget& target) {
    const Tensor y = Tensor::empty(sizes.x, DType::float32, device);
    const auto plan = ConvolutionPlan::of(engines_of(problem, target).at(0), target);
    const Tensor scratch = Tensor::empty(
        {static_cast<std::int64_t>(plan->workspace_bytes() / 8 + 1)}, DType::float64, device);
    plan->run(card.get(), x.raw(), w.raw(), y.raw(), scratch.raw());
    check(cudaDeviceSynchronize());
    return y.to_vector<float>();
  };
  EXPECT_EQ(result(here), result(described));
}

}  // namespace
}  // namespace polder::kernels::cuda
