#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "polder/kernels/backend.h"
#include "polder/kernels/naive_flat.h"
#include "support/interleaved.h"
#include "support/sweeps.h"

// The kernels that pass over all weights, and their naive forms: bytes that they must move, bytes a
// second, and the share of the best sweep through memory measured in the same rounds.
namespace polder::bench {
namespace {

constexpr int kRounds = 9;
constexpr std::int64_t kTensors = 62;  // as many as resnet-18 has
constexpr std::int64_t kSizes[] = {100'000, 1'000'000, 11'200'000, 36'500'000};
const Tensor kRate = Tensor::scalar(1e-9);
const kernels::SgdCoefficients kSgd{.momentum = 0.9, .weight_decay = 5e-4};
const kernels::AdamCoefficients kAdam{.weight_decay = 5e-4, .step = 100'000};
const kernels::Metric kAdaptive{.adaptive = true, .xi = 0.01};

kernels::Backend& backend() { return kernels::backend_of(kCpu); }

Tensor filled(std::int64_t n, double value) {
  Tensor x = Tensor::empty({n});
  backend().fill(value, x);
  return x;
}

/// Weights with gradients and moments, flat and as a list of tensors; values that stay normal
/// numbers however often the kernels run.
struct Arrays {
  explicit Arrays(std::int64_t n)
      : w(filled(n, 0.5)),
        g(filled(n, 1e-3)),
        out(filled(n, 1.0)),
        m(filled(n, 0.0)),
        v(filled(n, 0.01)) {
    std::vector<std::int64_t> marks;
    for (std::int64_t s = 0; s <= kTensors; ++s) {
      segments.host_offsets.push_back(s * n / kTensors);
      if (s < kTensors) marks.push_back(s % 3 == 0 ? 1 : 0);
    }
    segments.offsets = Tensor::from(segments.host_offsets, {kTensors + 1});
    segments.adaptive = Tensor::from(marks, {kTensors});
  }

  std::vector<Tensor> list(const Tensor& flat) const {
    std::vector<Tensor> parts;
    for (std::size_t s = 0; s < kTensors; ++s)
      parts.push_back(flat.slice(segments.host_offsets[s], segments.host_offsets[s + 1]));
    return parts;
  }

  Tensor w, g, out, m, v;
  Tensor scale = Tensor::scalar(1e-6), squared_norm = Tensor::scalar(1.0),
         norm = Tensor::scalar(1.0), rho = Tensor::scalar(1e-6);
  kernels::Segments segments;
};

struct Kernel {
  const char* name;
  double bytes;  // per float32 weight, counted from its reads and writes
  void (*run)(Arrays& a);
};

void flat_step(Arrays& a) {
  backend().metric_squared_norm(a.w, a.g, {}, a.segments, a.squared_norm);
  backend().ascent_scale(a.rho, a.squared_norm, a.scale, a.norm);
  backend().perturb(a.w, a.g, a.scale, {}, a.segments, a.out);
  backend().sgd_update(kSgd, kRate, a.g, a.w, a.m);
}

void naive_step(Arrays& a) {
  const auto w = a.list(a.w), g = a.list(a.g), m = a.list(a.m);
  const auto backup = kernels::naive::perturb(backend(), w, g, 1e-6);
  kernels::naive::restore(w, backup);
  kernels::naive::sgd(backend(), kSgd, 1e-9, w, g, m);
}

const Kernel kKernels[] = {
    {"dot", 8, [](Arrays& a) { backend().dot(a.w, a.g, a.squared_norm); }},
    {"norm", 4, [](Arrays& a) { backend().metric_squared_norm(a.w, a.g, {}, a.segments, a.norm); }},
    {"norm, naive", 20,
     [](Arrays& a) { kernels::naive::norm(backend(), a.list(a.w), a.list(a.g)); }},
    {"adaptive norm", 8,
     [](Arrays& a) {
       backend().metric_squared_norm(a.w, a.g, {.adaptive = true, .xi = 0.01, .everywhere = true},
                                     a.segments, a.norm);
     }},
    {"adaptive norm, naive", 40,
     [](Arrays& a) {
       kernels::naive::norm(backend(), a.list(a.w), a.list(a.g), {true, 0.01});
     }},
    {"perturb", 12, [](Arrays& a) { backend().perturb(a.w, a.g, a.scale, {}, a.segments, a.out); }},
    {"adaptive perturb", 12,
     [](Arrays& a) { backend().perturb(a.w, a.g, a.scale, kAdaptive, a.segments, a.out); }},
    {"norm and perturb, naive", 64,
     [](Arrays& a) { kernels::naive::perturb(backend(), a.list(a.w), a.list(a.g), 1e-6); }},
    {"adaptive norm and perturb, naive", 124,
     [](Arrays& a) {
       kernels::naive::perturb(backend(), a.list(a.w), a.list(a.g), 1e-6, {true, 0.01});
     }},
    {"direction", 8,
     [](Arrays& a) { backend().ascent_direction(a.w, a.g, a.scale, {}, a.segments, a.out); }},
    {"clip", 8, [](Arrays& a) { backend().clip(0.9999999, a.squared_norm, a.g); }},
    {"sgd", 20, [](Arrays& a) { backend().sgd_update(kSgd, kRate, a.g, a.w, a.m); }},
    {"sgd, naive", 52,
     [](Arrays& a) {
       kernels::naive::sgd(backend(), kSgd, 1e-9, a.list(a.w), a.list(a.g), a.list(a.m));
     }},
    {"adamw", 28, [](Arrays& a) { backend().adam_update(kAdam, kRate, a.g, a.w, a.m, a.v); }},
    {"adamw, naive", 104,
     [](Arrays& a) {
       kernels::naive::adam(backend(), kAdam, 1e-9, a.list(a.w), a.list(a.g), a.list(a.m),
                            a.list(a.v));
     }},
    {"adam derivative", 20,
     [](Arrays& a) { backend().adam_derivative(kAdam, kRate, a.g, a.w, a.m, a.v, a.out); }},
    {"a step's own passes: norm, perturb, sgd", 36, flat_step},
    {"a step's own passes, naive: norm, perturb, restore, sgd", 124, naive_step},
};

/// Takes turns on two sets of arrays when they are larger than the cache, so that no call finds
/// there what the last one left.
std::function<void()> in_turns(const Kernel& kernel, std::vector<Arrays>& sets) {
  return
      [&kernel, &sets, turn = std::size_t{0}]() mutable { kernel.run(sets[turn++ % sets.size()]); };
}

void pass(benchmark::State& state, Kernel kernel, std::int64_t n) {
  const auto weights = static_cast<double>(n);
  const bool in_cache = 4 * kernel.bytes * weights < largest_cache();
  std::vector<Arrays> sets;
  for (int i = 0; i < (in_cache ? 1 : 2); ++i) sets.emplace_back(n);
  // The sweeps leave the cache behind when the kernel does.
  const double footprint = static_cast<double>(sets.size()) * kernel.bytes * weights;
  const auto length = std::max(
      n, static_cast<std::int64_t>(std::min(footprint, 4 * largest_cache()) / (2 * sizeof(float))));
  const Tensor x = filled(length, 1.0), y = filled(length, 1.0);
  const std::vector<Sweep> references = sweeps(x, y);
  std::vector<std::function<void()>> forms{in_turns(kernel, sets)};
  for (const Sweep& sweep : references) forms.push_back(sweep.run);
  const Timings timings = interleaved(state, forms);

  const auto share_of = [&](std::size_t i) {
    return kernel.bytes * weights / references[i].bytes / timings.first_relative_to[i + 1];
  };
  const double share = std::min({share_of(0), share_of(1), share_of(2)});
  // The temporaries of the naive forms, one tensor at a time, may never leave the cache.
  const bool naive = std::string_view(kernel.name).find("naive") != std::string_view::npos;
  if (share > 1.0 && !naive && kernel.bytes * weights > largest_cache())
    return state.SkipWithError(
        fmt::format("refused: {:.0f} % of the best sweep measured beside it", 100 * share).c_str());
  state.counters["bytes per weight"] = kernel.bytes;
  state.counters["time, us"] = 1e6 * timings.median[0];
  state.counters["GB/s"] = 1e-9 * kernel.bytes * weights / timings.median[0];
  if (!naive) state.counters["share of the best sweep %"] = 100 * share;
}

bool register_all() {
  for (const std::int64_t n : kSizes)
    for (const Kernel& kernel : kKernels)
      benchmark::RegisterBenchmark(fmt::format("flat kernels, {:.1f} M weights/{}",
                                               1e-6 * static_cast<double>(n), kernel.name)
                                       .c_str(),
                                   pass, kernel, n)
          ->Iterations(kRounds)
          ->UseManualTime();
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
