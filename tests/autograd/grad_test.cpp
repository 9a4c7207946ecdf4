#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "polder/autograd/functions.h"
#include "test_support.h"

namespace polder::autograd {
namespace {

using ::testing::ElementsAre;

Variable leaf(const std::vector<double>& values) {
  return Variable(Tensor::from(values, {static_cast<std::int64_t>(values.size())}), true);
}

std::vector<double> values(const Variable& x) { return x.value().to_vector<double>(); }

TEST(Recording, MakesARecordOnlyWhereAnInputWantsAGradient) {
  const Variable x = leaf({1, 2}), constant = x.detach();
  EXPECT_TRUE(add(x, constant).requires_grad());
  EXPECT_FALSE(add(x, constant).is_leaf());
  EXPECT_FALSE(add(constant, constant).requires_grad());
  EXPECT_TRUE(add(constant, constant).is_leaf());
  EXPECT_FALSE(x.detach().requires_grad());
  EXPECT_TRUE(x.is_leaf());
}

TEST(Recording, GuardSwitchesItOffAndOnAndRestoresIt) {
  const Variable x = leaf({1, 2});
  {
    const RecordingGuard off(false);
    EXPECT_FALSE(recording());
    EXPECT_FALSE(square(x).requires_grad());
    {
      const RecordingGuard on(true);
      EXPECT_TRUE(square(x).requires_grad());
    }
    EXPECT_FALSE(recording());
    std::thread([] { EXPECT_TRUE(recording()); }).join();
  }
  EXPECT_TRUE(recording());
}

TEST(Recording, IsRestoredWhenAGradientThrows) {
  const Variable x = leaf({1, 2});
  const Variable y = Variable::result(
      x.value(), {x}, [](const Variable&, const Variable&, const Needs&) -> Variables {
        fail("no gradient here");
      });
  EXPECT_EQ(error_of([&] { grad({y}, {x}); }), "no gradient here");
  EXPECT_TRUE(recording());
}

TEST(Recording, IsOnDuringGradExactlyWhenAGraphIsAskedFor) {
  const Variable x = leaf({1, 2});
  std::vector<bool> seen;
  const Variable y =
      Variable::result(x.value(), {x}, [&](const Variable&, const Variable& dy, const Needs&) {
        seen.push_back(recording());
        return Variables{dy};
      });
  grad({y}, {x}, {}, {.create_graph = true});
  const RecordingGuard off(false);
  grad({y}, {x}, {}, {.create_graph = true});
  grad({y}, {x}, {}, {.retain_graph = true});
  EXPECT_THAT(seen, ElementsAre(true, true, false));
}

TEST(Grad, SeedsDefaultToOnes) {
  const Variable x = leaf({1, 2, 3});
  EXPECT_THAT(values(grad({square(x)}, {x})[0]), ElementsAre(2, 4, 6));
  const Variable seed(Tensor::from<double>({1, 10, 100}, {3}));
  EXPECT_THAT(values(grad({square(x)}, {x}, {seed})[0]), ElementsAre(2, 40, 600));
  EXPECT_THAT(values(grad({x, square(x)}, {x}, {seed, {}})[0]), ElementsAre(3, 14, 106));
}

TEST(Grad, AddsUpWhereAValueIsUsedSeveralTimes) {
  const Variable x = leaf({2, 3});
  const Variable cube = mul(mul(x, x), x);
  EXPECT_THAT(values(grad({add(cube, add(x, cube))}, {x})[0]), ElementsAre(25, 55));
}

TEST(Grad, ReachesInnerValuesAndWhatLiesBehindThem) {
  const Variable x = leaf({2, 3});
  const Variable inner = square(x);
  const Variable y = add(mul(inner, inner), inner);
  const Variables gradients = grad({y}, {inner, x});
  EXPECT_THAT(values(gradients[0]), ElementsAre(9, 19));
  EXPECT_THAT(values(gradients[1]), ElementsAre(36, 114));
}

TEST(Grad, LeavesInputsThatNothingDependsOnUndefined) {
  const Variable x = leaf({1, 2}), stranger = leaf({5});
  const Variables gradients = grad({square(x)}, {stranger, x, x.detach()});
  EXPECT_FALSE(gradients[0].defined());
  EXPECT_TRUE(gradients[1].defined());
  EXPECT_FALSE(gradients[2].defined());
}

TEST(Grad, AsksOnlyForGradientsThatLeadToTheInputs) {
  const Variable x = leaf({1, 2}), w = leaf({3, 4}), dead_end = square(leaf({5, 6}));
  std::vector<Needs> asked;
  const Variable y = Variable::result(
      x.value(), {x.detach(), square(x), w, dead_end},
      [&](const Variable&, const Variable& dy, const Needs& needs) {
        asked.push_back(needs);
        return Variables{{}, needs[1] ? dy : Variable(), needs[2] ? dy : Variable(), {}};
      });
  grad({y}, {w}, {}, {.retain_graph = true});
  grad({y}, {x}, {}, {.retain_graph = true});
  grad({y}, {x, w});
  EXPECT_THAT(asked, ElementsAre(Needs{false, false, true, false}, Needs{false, true, false, false},
                                 Needs{false, true, true, false}));
}

TEST(Grad, NeverWritesToASeedOrToAResult) {
  const Variable x = leaf({1, 2});
  const Variable seed(Tensor::from<double>({3, 4}, {2}));
  const Variable z = square(x);
  const Variable y = add(add(z, x), add(x, x));
  const Variables gradients = grad({y}, {z, x}, {seed});
  EXPECT_THAT(values(seed), ElementsAre(3, 4));
  EXPECT_THAT(values(gradients[0]), ElementsAre(3, 4));
  EXPECT_THAT(values(gradients[1]), ElementsAre(15, 28));
}

TEST(Grad, KeepsTheRecordWhenAsked) {
  const Variable x = leaf({1, 2});
  const Variable y = tanh(square(x));
  const auto first = values(grad({y}, {x}, {}, {.retain_graph = true})[0]);
  const auto second = values(grad({y}, {x}, {}, {.create_graph = true})[0]);
  EXPECT_EQ(first, values(grad({y}, {x})[0]));
  EXPECT_NEAR(first[1], second[1], 1e-15);
  EXPECT_EQ(error_of([&] { grad({y}, {x}); }),
            "grad: the record was freed by an earlier pass; retain_graph keeps it");
}

TEST(Grad, RefusesARecordFreedHalfway) {
  const Variable x = leaf({1, 2});
  const Variable shared = square(x), y = exp(shared);
  grad({tanh(shared)}, {x});
  EXPECT_EQ(error_of([&] { grad({y}, {x}); }),
            "grad: the record was freed by an earlier pass; retain_graph keeps it");
}

TEST(Grad, IsDifferentiableWithRespectToItsSeeds) {
  const Variable x = leaf({1, 2}), seed = leaf({5, 7});
  const Variable gradient = grad({square(x)}, {x}, {seed}, {.create_graph = true})[0];
  const Variables second = grad({sum(gradient)}, {x, seed});
  EXPECT_THAT(values(second[0]), ElementsAre(10, 14));
  EXPECT_THAT(values(second[1]), ElementsAre(2, 4));
}

TEST(Grad, SaysWhatIsWrong) {
  const Variable x = leaf({1, 2});
  EXPECT_EQ(error_of([&] { grad({x.detach()}, {x}); }),
            "grad: output 0 [2] has no record: none of its inputs requires a gradient, or "
            "recording was off");
  EXPECT_EQ(error_of([&] { grad({square(x)}, {x}, {x, x}); }), "grad: 2 seeds for 1 outputs");
  EXPECT_EQ(error_of([&] {
              grad({square(x)}, {x}, {leaf({1, 2, 3})});
            }),
            "grad: seed 0 is [3], its output is [2]");
  EXPECT_EQ(error_of([] { (void)Variable().value(); }), "Variable: undefined, holds no value");
  EXPECT_EQ(error_of([] { Variable(Tensor::from<std::int64_t>({1}, {1}), true); }),
            "Variable: int64 has no gradient");
}

TEST(Rebind, PointsEveryHandleAtOtherMemory) {
  Variable x = leaf({1, 2});
  const Variable same = x;
  const Tensor other = Tensor::from<double>({5, 6}, {2});
  x.rebind(other);
  EXPECT_TRUE(same.value().shares_memory_with(other));
  EXPECT_THAT(values(grad({square(same)}, {x})[0]), ElementsAre(10, 12));
}

TEST(Rebind, MakesEarlierRecordsStale) {
  Variable x = leaf({1, 2});
  const Variable y = square(x);
  x.rebind(Tensor::from<double>({5, 6}, {2}));
  EXPECT_EQ(error_of([&] { grad({y}, {x}); }),
            "grad: the record is stale: a leaf [2] was rebound after it was used");
}

TEST(Rebind, RefusesAnotherShapeAndWhatIsNoLeaf) {
  Variable x = leaf({1, 2});
  EXPECT_EQ(error_of([&] { x.rebind(Tensor::zeros({3}, DType::float64)); }),
            "rebind: found float64 [3], wanted float64 [2] on the same device");
  EXPECT_EQ(error_of([&] { square(x).rebind(x.value()); }),
            "rebind: only a leaf can be pointed at other memory");
}

}  // namespace
}  // namespace polder::autograd
