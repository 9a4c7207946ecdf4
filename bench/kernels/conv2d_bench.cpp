#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "kernels/eigen_product.h"
#include "polder/core/random.h"
#include "polder/kernels/backend.h"
#include "support/interleaved.h"

// Every convolution of resnet-18 (CIFAR form), resnet-20 and lenet, forward and both gradients,
// beside Eigen's own product of the same sizes on the same number of threads: the product that
// would be left if patches cost nothing. A 1x1 kernel with a stride is little more than its moves
// (its input gradient writes stride^2 times what the product does, mostly zeros), so these layers
// stand beside Eigen's product with plain loops for the moves too.
namespace polder::bench {
namespace {

constexpr std::int64_t kImages = 128;
constexpr int kRounds = 5;

enum class Pass { forward, input_gradient, weight_gradient };

struct Layer {
  std::int64_t size, in, out, kernel, stride, padding;

  std::int64_t outputs() const { return kernels::window_outputs(size, kernel, stride, padding); }
  std::int64_t positions() const { return kImages * outputs() * outputs(); }
  std::int64_t taps() const { return kernel * kernel * in; }
};

/// The different convolutions of a residual network whose stages are `width`, 2 `width`, ... wide.
std::vector<Layer> residual(std::int64_t size, std::int64_t channels, std::int64_t width,
                            std::int64_t last_width, bool projections) {
  std::vector<Layer> layers{{size, channels, width, 3, 1, 1}, {size, width, width, 3, 1, 1}};
  for (std::int64_t in = width; in < last_width; in *= 2) {
    layers.push_back({size, in, 2 * in, 3, 2, 1});
    if (projections) layers.push_back({size, in, 2 * in, 1, 2, 0});
    size = layers.back().outputs();
    layers.push_back({size, 2 * in, 2 * in, 3, 1, 1});
  }
  return layers;
}

struct Network {
  const char* name;
  std::vector<Layer> layers;
};

std::vector<Network> networks() {
  return {{"resnet-18 on 32x32x3", residual(32, 3, 64, 512, true)},
          {"resnet-18 on 28x28x1", residual(28, 1, 64, 512, true)},
          {"resnet-20 on 32x32x3", residual(32, 3, 16, 64, false)},
          {"lenet on 28x28x1", {{28, 1, 6, 5, 1, 2}, {14, 6, 16, 5, 1, 0}}}};
}

Tensor noise(const Shape& shape) {
  static std::uint64_t stream = 0;
  Tensor x = Tensor::empty(shape);
  kernels::backend_of(kCpu).random_normal(RandomKey{++stream}, 0.0, 1.0, x);
  return x;
}

/// Eigen's product of the pass's sizes, on operands of its own.
std::function<void()> eigen_form(const Layer& layer, Pass pass) {
  const std::int64_t p = layer.positions(), k = layer.taps(), o = layer.out;
  const Tensor patches = noise({p, k}), outputs = noise({p, o}), weights = noise({o, k});
  return [=] {
    float *a = patches.data<float>(), *y = outputs.data<float>(), *w = weights.data<float>();
    const int threads = kernels::thread_count();
    if (pass == Pass::forward) eigen_product(p, o, k, a, false, w, true, y, threads);
    if (pass == Pass::input_gradient) eigen_product(p, k, o, y, false, w, false, a, threads);
    if (pass == Pass::weight_gradient) eigen_product(o, k, p, y, true, a, false, w, threads);
  };
}

bool is_sparse(const Layer& layer) { return layer.kernel == 1 && layer.stride > 1; }

/// Calls f(row of the patch matrix, the pixel of x it is) for a 1x1 kernel.
template <class F>
void for_each_pixel(const Layer& layer, const F& f) {
  const std::int64_t outputs = layer.outputs();
  std::int64_t row = 0;
  for (std::int64_t image = 0; image < kImages; ++image)
    for (std::int64_t h = 0; h < outputs; ++h)
      for (std::int64_t w = 0; w < outputs; ++w)
        f(row++, (image * layer.size + h * layer.stride) * layer.size + w * layer.stride);
}

/// Eigen's product and the moves of a 1x1 kernel with a stride, in plain loops.
std::function<void()> eigen_form_with_moves(const Layer& layer, Pass pass) {
  const std::int64_t p = layer.positions(), k = layer.in, o = layer.out;
  const Tensor patches = noise({p, k}), outputs = noise({p, o}), weights = noise({o, k});
  const Tensor images = noise({kImages, layer.size, layer.size, k});
  return [=] {
    float *a = patches.data<float>(), *y = outputs.data<float>(), *w = weights.data<float>();
    float* x = images.data<float>();
    const int threads = kernels::thread_count();
    if (pass == Pass::input_gradient) {
      eigen_product(p, k, o, y, false, w, false, a, threads);
      std::fill_n(x, images.numel(), 0.0f);
      for_each_pixel(layer,
                     [&](auto row, auto pixel) { std::copy_n(a + row * k, k, x + pixel * k); });
      return;
    }
    for_each_pixel(layer,
                   [&](auto row, auto pixel) { std::copy_n(x + pixel * k, k, a + row * k); });
    if (pass == Pass::forward) eigen_product(p, o, k, a, false, w, true, y, threads);
    if (pass == Pass::weight_gradient) eigen_product(o, k, p, y, true, a, false, w, threads);
  };
}

std::function<void()> polder_form(const Layer& layer, Pass pass) {
  const kernels::Window window{layer.kernel, layer.kernel,     layer.stride,
                               layer.stride, layer.kernel / 2, layer.kernel / 2};
  Tensor x = noise({kImages, layer.size, layer.size, layer.in});
  Tensor w = noise({layer.out, layer.kernel, layer.kernel, layer.in});
  Tensor y = noise({kImages, layer.outputs(), layer.outputs(), layer.out});
  return [=]() mutable {
    kernels::Backend& backend = kernels::backend_of(kCpu);
    if (pass == Pass::forward) backend.conv2d(x, w, window, 1, y);
    if (pass == Pass::input_gradient) backend.conv2d_input_gradient(y, w, window, 1, x);
    if (pass == Pass::weight_gradient) backend.conv2d_weight_gradient(x, y, window, 1, w);
  };
}

void convolution(benchmark::State& state, Layer layer, Pass pass) {
  std::vector<std::function<void()>> forms{polder_form(layer, pass), eigen_form(layer, pass)};
  if (is_sparse(layer)) forms.push_back(eigen_form_with_moves(layer, pass));
  const Timings timings = interleaved(state, forms);
  const double work = 2e-9 * static_cast<double>(layer.positions() * layer.taps() * layer.out);
  state.counters["GFLOP/s"] = work / timings.median[0];
  state.counters["Eigen product GFLOP/s"] = work / timings.median[1];
  state.counters["share of Eigen %"] = 100.0 / timings.first_relative_to[1];
  if (is_sparse(layer))
    state.counters["share of Eigen with the moves %"] = 100.0 / timings.first_relative_to[2];
}

bool register_all() {
  const std::pair<Pass, const char*> passes[] = {{Pass::forward, "forward"},
                                                 {Pass::input_gradient, "input gradient"},
                                                 {Pass::weight_gradient, "weight gradient"}};
  for (const auto& [pass, pass_name] : passes)
    for (const Network& network : networks())
      for (const Layer& layer : network.layers)
        benchmark::RegisterBenchmark(
            fmt::format("convolution, {}, {}/{}x{}, {} to {}, kernel {}, stride {}", pass_name,
                        network.name, layer.size, layer.size, layer.in, layer.out, layer.kernel,
                        layer.stride)
                .c_str(),
            convolution, layer, pass)
            ->Iterations(kRounds)
            ->UseManualTime();
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
