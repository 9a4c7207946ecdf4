#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "polder/kernels/ladder.h"
#include "polder/kernels/stopwatch.h"
#include "support/interleaved.h"
#include "support/sweeps.h"

// The ladder, rung by rung, on every device: bytes that each pass must move, bytes a second, and
// the share of the copy bandwidth of the same device, measured in the same rounds.
//   ladder_bench --benchmark_filter='cuda.*36.5 M.*perturb'
// POLDER_BENCH_EMULATED=1 runs the emulated device too, on small arrays: its times mean nothing.
namespace polder::bench {
namespace {

using kernels::ladder::Ascent;
using kernels::ladder::Rung;
using kernels::ladder::Weights;

constexpr int kRounds = 9;
constexpr std::int64_t kSmallTensors = 41, kLargeTensors = 21;  // together as many as resnet-18
constexpr std::int64_t kSmall = 512;

Tensor filled(std::int64_t n, double value, Device device) {
  Tensor x = Tensor::empty({n}, DType::float32, device);
  kernels::backend_of(device).fill(value, x);
  return x;
}

/// Many small tensors and a few that grow, each from a multiple of 64 bytes on, as in an arena.
kernels::Segments segments_of(std::int64_t n, Device device) {
  kernels::Segments segments;
  segments.host_offsets = {0};
  const std::int64_t small = std::min(kSmall, n / (2 * kSmallTensors) / 16 * 16);
  for (std::int64_t s = 1; s <= kSmallTensors; ++s) segments.host_offsets.push_back(s * small);
  const std::int64_t begin = kSmallTensors * small, rest = n - begin;
  for (std::int64_t s = 1; s <= kLargeTensors; ++s)
    segments.host_offsets.push_back(
        s == kLargeTensors ? n : begin + rest * s * s / (kLargeTensors * kLargeTensors) / 16 * 16);
  std::vector<std::int64_t> marks;
  for (std::int64_t s = 0; s < kSmallTensors + kLargeTensors; ++s) marks.push_back(s % 3 == 0);
  segments.offsets =
      Tensor::from(segments.host_offsets, {kSmallTensors + kLargeTensors + 1}, device);
  segments.adaptive = Tensor::from(marks, {kSmallTensors + kLargeTensors}, device);
  return segments;
}

/// Arrays of one model with a rung over them; values that stay normal numbers however often the
/// passes run.
struct Setup {
  Setup(std::string_view name, std::int64_t n, Device device)
      : weights{.w = filled(n, 0.5, device),
                .g = filled(n, 1e-3, device),
                .spare = filled(n, 0.5, device),
                .m = filled(n, 0.0, device),
                .v = filled(n, 0.01, device),
                .segments = segments_of(n, device)},
        rung(kernels::ladder::make_rung(name, weights)),
        rate(Tensor::scalar(1e-9, device)),
        norm(Tensor::scalar(0.0, device)) {}

  Weights weights;
  std::unique_ptr<Rung> rung;
  Tensor rate, norm;
};

enum class Variant { plain, adaptive, masked };

Ascent ascent_of(Variant variant, std::int64_t n, Device device) {
  Ascent ascent;
  ascent.rho = Tensor::scalar(1e-6, device);
  if (variant == Variant::adaptive)
    ascent.metric = {.adaptive = true, .xi = 0.01, .everywhere = true};
  if (variant == Variant::masked) ascent.mask = filled(n, 1.0, device);
  return ascent;
}

struct Pass {
  const char* name;
  Variant variant;
  double (*bytes)(const kernels::ladder::Bytes& bytes);
  void (*run)(Setup& setup, const Ascent& ascent);
};

const kernels::SgdCoefficients kSgd{.momentum = 0.9, .weight_decay = 5e-4};
const kernels::AdamCoefficients kAdam{.weight_decay = 5e-4, .step = 100'000};
using kernels::ladder::Bytes;

void perturb(Setup& setup, const Ascent& ascent) { setup.rung->perturb(ascent, setup.norm); }

const Pass kPasses[] = {
    {"norm", Variant::plain, [](const Bytes& bytes) { return bytes.norm; },
     [](Setup& setup, const Ascent& ascent) { setup.rung->norm(ascent, setup.norm); }},
    {"norm and perturb", Variant::plain, [](const Bytes& bytes) { return bytes.perturb; }, perturb},
    {"norm and perturb, adaptive", Variant::adaptive,
     [](const Bytes& bytes) { return bytes.perturb; }, perturb},
    {"norm and perturb, masked", Variant::masked, [](const Bytes& bytes) { return bytes.perturb; },
     perturb},
    {"restore", Variant::plain, [](const Bytes& bytes) { return bytes.restore; },
     [](Setup& setup, const Ascent&) { setup.rung->restore(); }},
    {"sgd", Variant::plain, [](const Bytes& bytes) { return bytes.sgd; },
     [](Setup& setup, const Ascent&) { setup.rung->sgd(kSgd, setup.rate); }},
    {"adamw", Variant::plain, [](const Bytes& bytes) { return bytes.adam; },
     [](Setup& setup, const Ascent&) { setup.rung->adam(kAdam, setup.rate); }},
    {"a step: norm, perturb, restore, sgd", Variant::plain,
     [](const Bytes& bytes) { return bytes.perturb + bytes.restore + bytes.sgd; },
     [](Setup& setup, const Ascent& ascent) {
       setup.rung->perturb(ascent, setup.norm);
       setup.rung->restore();
       setup.rung->sgd(kSgd, setup.rate);
     }}};

/// The cache that a pass could find its data in.
double cache_of(Device device) {
  if (device.type != DeviceType::cuda) return largest_cache();
  return static_cast<double>(kernels::ladder::device_passes_of(device).machine().cache_bytes);
}

/// Enough sets of arrays, taken in turns, that no call finds in the cache what the last one left;
/// one where that is no question, because a pass is small or far larger than the cache.
int sets_for(double bytes, double cache) {
  if (bytes < cache || bytes > 64 * cache) return 1;
  return 1 + static_cast<int>(std::ceil(2 * cache / bytes));
}

/// A rung over as many sets of arrays as the cache asks for, and its pass over them in turns.
class Turns {
 public:
  Turns(std::string_view rung, const Pass& pass, std::int64_t n, Device device)
      : pass_(pass), ascent_(ascent_of(pass.variant, n, device)) {
    sets_.emplace_back(rung, n, device);
    if (!possible()) return;
    const int wanted = sets_for(bytes() * static_cast<double>(n), cache_of(device));
    while (static_cast<int>(sets_.size()) < wanted) sets_.emplace_back(rung, n, device);
    for (Setup& setup : sets_) perturb(setup, ascent_);  // there is something to restore
  }

  bool possible() const { return sets_.front().rung->can(ascent_); }
  /// For each weight.
  double bytes() const { return pass_.bytes(sets_.front().rung->bytes(ascent_)); }
  void operator()() { pass_.run(sets_[turn_++ % sets_.size()], ascent_); }

 private:
  Pass pass_;
  Ascent ascent_;
  std::vector<Setup> sets_;
  std::size_t turn_ = 0;
};

void measure(benchmark::State& state, std::string_view rung, const Pass& pass, std::int64_t n,
             Device device) {
  Turns turns(rung, pass, n, device);
  if (!turns.possible()) return state.SkipWithError("not on this rung");
  const double bytes = turns.bytes() * static_cast<double>(n), cache = cache_of(device);
  if (bytes == 0) return state.SkipWithError("moves nothing");

  // The copy leaves the cache when the pass does.
  const auto length = std::max(n, static_cast<std::int64_t>(bytes > cache ? cache : 0));
  const Tensor from = filled(length, 1.0, device), to = filled(length, 1.0, device);
  const double copied = 2.0 * static_cast<double>(from.bytes());
  const auto watch = kernels::make_stopwatch(device);
  const auto seconds = [&](const std::function<void()>& form, int repeats) {
    watch->start();
    for (int i = 0; i < repeats; ++i) form();
    return watch->stop() / repeats;
  };
  const Timings timings =
      interleaved(state, {[&] { turns(); }, [&] { to.copy_from(from); }}, seconds);
  const double share = bytes / copied / timings.first_relative_to[1];
  if (share > 1.0 && bytes > cache && rung != "naive" && device != kCpu)
    return state.SkipWithError(
        fmt::format("refused: {:.0f} % of the copy measured beside it", 100 * share).c_str());
  state.counters["bytes per weight"] = turns.bytes();
  state.counters["time, us"] = 1e6 * timings.median[0];
  state.counters["GB/s"] = 1e-9 * bytes / timings.median[0];
  state.counters["share of the copy %"] = 100 * share;
  state.counters["copy, GB/s"] = 1e-9 * copied / timings.median[1];
}

void guarded(benchmark::State& state, std::string_view rung, const Pass& pass, std::int64_t n,
             Device device) try {
  measure(state, rung, pass, n, device);
} catch (const Error& error) {  // the memory of the device is too small, say
  state.SkipWithError(error.what());
}

std::vector<std::int64_t> sizes_for(Device device) {
  if (device.type == DeviceType::emulated) return {10'000, 400'000};
  if (device == kCpu) return {1'000'000, 11'200'000, 36'500'000};
  return {11'200'000, 36'500'000, 86'000'000, 1'000'000'000};
}

bool register_all() {
  for (const Device device : kernels::available_devices()) {
    if (device.type == DeviceType::emulated && std::getenv("POLDER_BENCH_EMULATED") == nullptr)
      continue;
    for (const std::int64_t n : sizes_for(device))
      for (const Pass& pass : kPasses)
        for (const std::string_view rung : kernels::ladder::rungs_of(device))
          benchmark::RegisterBenchmark(
              fmt::format("ladder on {}, {:.2f} M weights, {}/{}", to_string(device),
                          1e-6 * static_cast<double>(n), pass.name, rung)
                  .c_str(),
              guarded, rung, pass, n, device)
              ->Iterations(kRounds)
              ->UseManualTime();
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
