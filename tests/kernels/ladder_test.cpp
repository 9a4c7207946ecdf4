#include "polder/kernels/ladder.h"

#include "kernels/flat_arena.h"

// The passes of a SAM step, rung by rung, against float64 oracles.
namespace polder::kernels::testing {
namespace {

using ladder::Ascent;
using ladder::Limits;
using ladder::Rung;
using ladder::Weights;

constexpr double kRate = 0.25;
const SgdCoefficients kSgd{.momentum = 0.9, .weight_decay = 0.1};
const AdamCoefficients kAdam{.epsilon = 1e-4, .weight_decay = 0.1, .step = 3};

/// What an ascent is to be, without the device.
struct Kind {
  const char* name;
  Metric metric = {};
  bool mask = false, enabled = false, masked_norm = false, per_segment = false;
  double radius = 0.5;
};

const Metric kMarked{.adaptive = true, .xi = 0.01};
const Metric kEverywhere{.adaptive = true, .xi = 0.01, .everywhere = true};

const std::vector<Kind> kKinds = {
    {"plain"},
    {.name = "no radius", .radius = 0},
    {.name = "large radius", .radius = 40},
    {.name = "adaptive everywhere", .metric = kEverywhere},
    {.name = "adaptive segments", .metric = kMarked},
    {.name = "radii", .per_segment = true},
    {.name = "mask on the step", .mask = true},
    {.name = "mask", .mask = true, .masked_norm = true},
    {.name = "segments left out of the step", .enabled = true},
    {.name = "segments left out", .enabled = true, .masked_norm = true},
    {.name = "adaptive, mask", .metric = kEverywhere, .mask = true, .masked_norm = true},
    {.name = "all at once, norm of everything",
     .metric = kMarked,
     .mask = true,
     .enabled = true,
     .per_segment = true},
    {.name = "all at once",
     .metric = kMarked,
     .mask = true,
     .enabled = true,
     .masked_norm = true,
     .per_segment = true}};

const std::vector<std::int64_t> kSizes = {0, 1, 31, 33, 1000, (1 << 20) + 1};

/// What a step does to the weights, in float64.
struct Expected {
  double norm = 0;
  Values away, by_sgd, momentum, by_adam;
};

class LadderTest : public KernelTest {
 protected:
  Weights weights(std::int64_t n) {
    return {.w = normals({n}),
            .g = normals({n}),
            .spare = poisoned({n}),
            .m = normals({n}),
            .v = uniforms({n}, 0.05, 2),
            .segments = cut_into_segments(n, device())};
  }

  /// The same values in other memory, `shift` elements behind an aligned address; spare poisoned.
  Weights copy(const Weights& from, std::int64_t shift = 0) {
    const auto moved = [&](const Tensor& x) {
      const Tensor wide = Tensor::empty({x.numel() + shift}, x.dtype(), x.device());
      const Tensor view = wide.view(shift, x.shape());
      view.copy_from(x);
      return view;
    };
    return {moved(from.w), moved(from.g), moved(poisoned(from.w.shape())),
            moved(from.m), moved(from.v), from.segments};
  }

  Ascent ascent(const Kind& kind, const Weights& weights) {
    const std::int64_t n = weights.w.numel(), count = weights.segments.adaptive.numel();
    Ascent made{.metric = kind.metric, .masked_norm = kind.masked_norm};
    made.rho = scalar(kind.radius);
    if (kind.per_segment) {
      Values radii;
      for (std::int64_t s = 0; s < count; ++s)
        radii.push_back(0.1 + kind.radius * static_cast<double>(s));
      made.rho = Tensor::from(radii, {count}, device());
    }
    if (kind.mask) {
      Values mask;
      for (const std::int64_t bit : draw_indices(n, 2)) mask.push_back(static_cast<double>(bit));
      made.mask = upload(mask);
    }
    if (kind.enabled) {
      Indices enabled(static_cast<std::size_t>(count));
      for (std::size_t s = 0; s < enabled.size(); ++s) enabled[s] = s % 3 == 1 ? 0 : 1;
      made.enabled = upload_indices(enabled);
    }
    return made;
  }

  std::unique_ptr<Rung> rung(std::string_view name, const Weights& weights, Limits limits = {}) {
    return ladder::make_rung(name, weights, limits);
  }
  std::vector<std::string_view> rungs() const { return ladder::rungs_of(device()); }
};
POLDER_KERNEL_SUITE(LadderTest);

/// The ascent, element by element.
void ascend(const Weights& at, const Ascent& ascent, Expected& result) {
  const Values w = host(at.w), g = host(at.g),
               stretch = metric_values(w, ascent.metric, at.segments);
  const Values rho = host(ascent.rho), none;
  const Values mask = ascent.mask.defined() ? host(ascent.mask) : none;
  const Values enabled = ascent.enabled.defined() ? host(ascent.enabled) : none;
  std::vector<std::size_t> segment(w.size());
  Values moves(w.size(), 1);
  long double squares = 0;
  for (std::size_t i = 0, s = 0; i < w.size(); ++i) {
    while (at.segments.host_offsets[s + 1] <= static_cast<std::int64_t>(i)) ++s;
    segment[i] = s;
    if (!mask.empty()) moves[i] *= mask[i];
    if (!enabled.empty()) moves[i] *= enabled[s];
    const long double value = stretch[i] * g[i];
    if (!ascent.masked_norm || moves[i] != 0) squares += value * value;
  }
  result.norm = std::sqrt(static_cast<double>(squares));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double radius = rho.size() > 1 ? rho[segment[i]] : rho[0];
    const double step = radius * stretch[i] * stretch[i] * g[i] / (result.norm + 1e-12);
    result.away.push_back(w[i] + (moves[i] != 0 ? step : 0));
  }
}

/// Both updates, from w.
void update(const Weights& at, Expected& result) {
  const Values w = host(at.w), g = host(at.g), m = host(at.m), v = host(at.v);
  for (std::size_t i = 0; i < w.size(); ++i) {
    result.momentum.push_back(0.9 * m[i] + g[i] + 0.1 * w[i]);
    result.by_sgd.push_back(w[i] - kRate * result.momentum.back());
    const double first = (0.9 * m[i] + 0.1 * g[i]) / (1 - std::pow(0.9, 3));
    const double second = (0.999 * v[i] + 0.001 * g[i] * g[i]) / (1 - std::pow(0.999, 3));
    result.by_adam.push_back(w[i] - kRate * (0.1 * w[i] + first / (std::sqrt(second) + 1e-4)));
  }
}

void expect_norm(std::string_view rung, const Tensor& found, double expected, DType dtype,
                 std::int64_t n) {
  // The naive recipe squares and adds in the element type.
  const double allowed =
      rung == "naive" ? 50 * unit(dtype) * expected
                      : tolerance(DType::float64, expected, {.terms = static_cast<double>(n)});
  EXPECT_NEAR(found.item(), expected, allowed);
}

TEST_P(LadderTest, EveryRungLeavesLooksAndComesHome) {
  for (const std::int64_t n : kSizes)
    for (const Kind& kind : kKinds) {
      // The largest size for the first kind and the last, which does everything at once.
      if (n > 100000 && &kind != &kKinds.front() && &kind != &kKinds.back()) continue;
      const Weights start = weights(n);
      const Ascent ascent = this->ascent(kind, start);
      Expected expected;
      ascend(start, ascent, expected);
      update(start, expected);
      for (const std::string_view name : rungs()) {
        SCOPED_TRACE(fmt::format("{}, {}, n = {}", name, kind.name, n));
        const Weights by_sgd = copy(start), by_adam = copy(start);
        const auto rung = this->rung(name, by_sgd);
        if (!rung->can(ascent)) continue;
        EXPECT_EQ(rung->name(), name);
        Tensor norm = poisoned_scalar();
        rung->norm(ascent, norm);
        expect_norm(name, norm, expected.norm, dtype(), n);
        norm = poisoned_scalar();
        rung->perturb(ascent, norm);
        expect_norm(name, norm, expected.norm, dtype(), n);
        expect_close(rung->away(), expected.away, {.size = 2});
        rung->restore();
        EXPECT_TRUE(same_bits(rung->home(), start.w));
        rung->sgd(kSgd, scalar(kRate));
        expect_close(by_sgd.w, expected.by_sgd, {.size = 4});
        expect_close(by_sgd.m, expected.momentum, {.size = 4});
        EXPECT_TRUE(same_bits(by_sgd.g, start.g));

        const auto other = this->rung(name, by_adam);
        other->perturb(ascent, norm);
        other->restore();
        other->adam(kAdam, scalar(kRate));
        expect_close(by_adam.w, expected.by_adam, {.size = 8});
      }
    }
}

/// Everything that an ascent leaves behind.
std::vector<Tensor> trace(Rung& rung, const Ascent& ascent, Tensor norm) {
  rung.perturb(ascent, norm);
  return {norm, rung.away().clone()};
}

/// Lengths around the units of the cooperative launch: chunks of 8 KiB.
const std::vector<std::int64_t> kChunkLengths = {1023, 1024, 2048, 2049, 16 * 2048, 150001};

TEST_P(LadderTest, OneLaunchHasTheBitsOfTheTwinForAnyRoom) {
  if (device() == kCpu) GTEST_SKIP() << "the cpu has no cooperative launches";
  for (const Kind& kind : kKinds)
    for (const std::int64_t n : kChunkLengths) {
      const Weights start = weights(n);
      const Ascent ascent = this->ascent(kind, start);
      const auto twin = trace(*rung("twin", copy(start)), ascent, poisoned_scalar());
      // 150001 elements on one block: registers hold 12 or 16 chunks, shared memory 0, 1 or 3.
      for (const std::int64_t blocks : {1, 2, 3, 1000})
        for (const std::size_t shared : {0, 8192, 30000, 1 << 20}) {
          SCOPED_TRACE(
              fmt::format("{}, n = {}, {} blocks, {} bytes", kind.name, n, blocks, shared));
          const auto one = rung("one launch", copy(start), {blocks, shared});
          const auto found = trace(*one, ascent, poisoned_scalar());
          EXPECT_TRUE(same_bits(found[0], twin[0])) << found[0].item() << ", " << twin[0].item();
          EXPECT_TRUE(same_bits(found[1], twin[1]));
        }
    }
}

TEST_P(LadderTest, MultiTensorHasTheSameBitsForAnyNumberOfBlocks) {
  if (device() == kCpu) GTEST_SKIP() << "the cpu has no launches";
  const Weights start = weights(400003);
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    const Ascent ascent = this->ascent(kind, start);
    const auto all = trace(*rung("multi-tensor", copy(start)), ascent, poisoned_scalar());
    for (const std::int64_t blocks : {1, 2, 5}) {
      const auto some = rung("multi-tensor", copy(start), {.blocks = blocks});
      const auto found = trace(*some, ascent, poisoned_scalar());
      EXPECT_TRUE(same_bits(found[0], all[0]) && same_bits(found[1], all[1])) << blocks;
    }
  }
}

TEST_P(LadderTest, ArraysMayStartAnywhereButForTheOneLaunch) {
  const Weights start = weights(70001);
  const Ascent ascent = this->ascent(kKinds[4], start);
  for (const std::string_view name : rungs()) {
    SCOPED_TRACE(name);
    const Weights shifted = copy(start, 1);
    Tensor norm = poisoned_scalar();
    const auto rung = this->rung(name, shifted);
    if (!rung->can(ascent)) continue;
    if (name == "one launch") {
      EXPECT_THROW(rung->perturb(ascent, norm), Error);
      continue;
    }
    const Weights straight = copy(start);
    const auto aligned = this->rung(name, straight);
    for (Rung* each : {rung.get(), aligned.get()}) {
      each->perturb(ascent, norm);
      each->restore();
      each->adam(kAdam, scalar(kRate));
    }
    EXPECT_TRUE(same_bits(shifted.w, straight.w));
    EXPECT_TRUE(same_bits(shifted.v, straight.v));
  }
}

TEST_P(LadderTest, WhatIsMaskedMayBeNotANumber) {
  const std::int64_t n = 5000;
  const Weights start = weights(n);
  Ascent ascent = this->ascent({.name = "", .mask = true, .masked_norm = true}, start);
  Values g = host(start.g), mask = host(ascent.mask);
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i] == 0) g[i] = std::nan("");
  start.g.copy_from(upload(g));
  const Values w = host(start.w);
  for (const std::string_view name : rungs()) {
    SCOPED_TRACE(name);
    const auto rung = this->rung(name, copy(start));
    if (!rung->can(ascent)) continue;
    Tensor norm = poisoned_scalar();
    rung->perturb(ascent, norm);
    EXPECT_TRUE(std::isfinite(norm.item()));
    const Values away = host(rung->away());
    for (std::size_t i = 0; i < mask.size(); ++i)
      ASSERT_TRUE(mask[i] == 0 ? away[i] == w[i] : std::isfinite(away[i])) << i;
  }
  // And where it is not masked, it spreads.
  const Ascent open = this->ascent(kKinds.front(), start);
  for (const std::string_view name : rungs()) {
    Tensor norm = scalar(0);
    const auto rung = this->rung(name, copy(start));
    rung->perturb(open, norm);
    EXPECT_TRUE(std::isnan(norm.item())) << name;
    EXPECT_TRUE(std::isnan(host(rung->away())[0])) << name;
  }
}

TEST_P(LadderTest, NoRadiusLeavesEveryBitOfW) {
  Weights start = weights(4099);
  Values values = host(start.w);
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] = -0.0;
  start.w = upload(values);
  for (const Kind& kind : {kKinds[1], Kind{.name = "", .metric = kMarked, .radius = 0}})
    for (const std::string_view name : rungs()) {
      if (name == "naive") continue;  // -0 + 0 is 0
      const auto rung = this->rung(name, copy(start));
      Tensor norm = poisoned_scalar();
      rung->perturb(ascent(kind, start), norm);
      EXPECT_TRUE(same_bits(rung->away(), start.w)) << name;
    }
}

TEST_P(LadderTest, AStepWithoutAnAscentIsAStepToo) {
  const Weights start = weights(3001);
  Expected expected;
  update(start, expected);
  for (const std::string_view name : rungs()) {
    const Weights own = copy(start);
    rung(name, own)->sgd(kSgd, scalar(kRate));
    expect_close(own.w, expected.by_sgd, {.size = 4});
  }
}

TEST_P(LadderTest, RecordedRungsDoTheSame) {
  const Weights start = weights(60001);
  const Ascent ascent = this->ascent(kKinds.back(), start);
  for (const std::string_view name : rungs()) {
    SCOPED_TRACE(name);
    const Weights direct = copy(start), recorded = copy(start);
    Tensor norm = poisoned_scalar();
    const Tensor rate = scalar(kRate);
    const auto step = [&](Rung& rung) {
      rung.perturb(ascent, norm);
      rung.restore();
      rung.sgd(kSgd, rate);
    };
    const auto by_hand = rung(name, direct), replayed = rung(name, recorded);
    if (!by_hand->can(ascent)) continue;
    step(*by_hand);
    const auto recording = backend().record([&] { step(*replayed); });
    if (recording == nullptr) continue;
    recording->replay(0);
    EXPECT_TRUE(same_bits(recorded.w, direct.w));
  }
}

TEST_P(LadderTest, MistakesAreNamed) {
  Weights arrays = weights(10);
  EXPECT_THROW(static_cast<void>(rung("fastest", arrays)), Error);
  if (device() == kCpu) {
    EXPECT_THROW(static_cast<void>(rung("one launch", arrays)), Error);
  }
  arrays.m = poisoned({11});
  EXPECT_THROW(static_cast<void>(rung("twin", arrays)), Error);
}

}  // namespace
}  // namespace polder::kernels::testing
