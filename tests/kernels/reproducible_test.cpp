#include <functional>

#include "kernels/flat_arena.h"

// One seed, one device: the same bits, run after run, for any number of threads.
namespace polder::kernels::testing {
namespace {

/// What one call reads and writes.
struct Call {
  Backend& backend;
  const std::vector<Tensor>& in;
  std::vector<Tensor> out;
};

using Function = std::function<void(Call&)>;

std::vector<Tensor> copies(const std::vector<Tensor>& tensors, std::int64_t start) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : tensors) result.push_back(copy_at(start, tensor));
  return result;
}

void batch_norm_and_back(Call& c, const Tensor& dy) {
  c.backend.batch_norm(c.in[0], c.in[1], c.in[1], 1e-5, c.out[0], c.out[1], c.out[2]);
  c.backend.batch_norm_backward(c.in[0], c.in[1], c.out[1], c.out[2], dy, c.out[3], c.out[4],
                                c.out[5]);
}

void layer_norm_and_back(Call& c, const Tensor& dy) {
  c.backend.layer_norm(c.in[0], c.in[1], c.in[1], 1e-5, c.out[0], c.out[1], c.out[2]);
  c.backend.layer_norm_backward(c.in[0], c.in[1], c.out[1], c.out[2], dy, c.out[3], c.out[4],
                                c.out[5]);
}

void pool_and_back(Call& c, Window window) {
  c.backend.max_pool(c.in[0], window, c.out[0], c.out[1]);
  c.backend.average_pool(c.in[0], window, c.out[2]);
  c.backend.average_pool_backward(c.out[2], window, c.out[3]);
}

class ReproducibleTest : public KernelTest {
 protected:
  /// Runs the function on copies of the outputs with 1, 2 and 3 threads, and once more with 1.
  void expect_same_bits(const char* name, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& outputs, const Function& function) {
    SCOPED_TRACE(name);
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 2, 3, 1}) {
      set_thread_count(threads);
      Call call{backend(), inputs, {}};
      for (const Tensor& output : outputs) call.out.push_back(output.clone());
      function(call);
      results.push_back(call.out);
    }
    for (std::size_t run = 1; run < results.size(); ++run)
      for (std::size_t i = 0; i < outputs.size(); ++i)
        EXPECT_TRUE(same_bits(results[run][i], results[0][i])) << "run " << run << ", output " << i;
  }

  /// Runs the function on copies of everything that start at a pack of 16 bytes, and one element
  /// after it.
  void expect_same_bits_anywhere(const char* name, const std::vector<Tensor>& inputs,
                                 const std::vector<Tensor>& outputs, const Function& function) {
    SCOPED_TRACE(name);
    std::vector<std::vector<Tensor>> results;
    for (const std::int64_t start : {0, 1}) {
      const std::vector<Tensor> in = copies(inputs, start);
      Call call{backend(), in, copies(outputs, start)};
      function(call);
      results.push_back(call.out);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i)
      EXPECT_TRUE(same_bits(results[1][i], results[0][i])) << "output " << i;
  }

  void TearDown() override { set_thread_count(threads_before_); }

 private:
  int threads_before_ = thread_count();
};
POLDER_KERNEL_SUITE(ReproducibleTest);

constexpr std::int64_t kMany = 100003;  // several pieces, the last one short

TEST_P(ReproducibleTest, ElementwiseAndMemory) {
  const Tensor x = uniforms({kMany}, 0.1, 3), dy = normals({kMany}), y = poisoned({kMany});
  for (int f = 0; f <= static_cast<int>(Unary::gelu); ++f) {
    const Unary unary = static_cast<Unary>(f);
    expect_same_bits("unary", {x}, {y},
                     [=](Call& c) { c.backend.unary(unary, c.in[0], c.out[0]); });
    expect_same_bits("unary_backward", {x, dy}, {y}, [=](Call& c) {
      c.backend.unary_backward(unary, c.in[0], c.in[0], c.in[1], c.out[0]);
    });
  }
  const Tensor wide = normals({307, 331}), row = normals({331}), column = normals({307});
  for (const Binary op :
       {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::max, Binary::min})
    expect_same_bits("binary", {wide, row, column, wide}, {wide, wide, wide}, [=](Call& c) {
      c.backend.binary(op, c.in[0], c.in[1], Broadcast::trailing, c.out[0]);
      c.backend.binary(op, c.in[0], c.in[2], Broadcast::leading, c.out[1]);
      c.backend.binary(op, c.in[0], c.in[3], Broadcast::none, c.out[2]);
    });
  expect_same_bits("affine", {x}, {y, dy, y, y}, [](Call& c) {
    c.backend.affine(c.in[0], 0.3, 0.7, c.out[0]);
    c.backend.axpby(0.3, c.in[0], 0.7, c.out[1]);
    c.backend.fill(0.1, c.out[2]);
    c.backend.cast(c.in[0], c.out[3]);
  });
}

TEST_P(ReproducibleTest, ReductionsAndLayout) {
  const Tensor x = normals({7, 151, 193});
  for (const AxisView view : std::vector<AxisView>{{1, x.numel(), 1},
                                                   {7, 151, 193},
                                                   {7 * 151, 193, 1},
                                                   {1, 7 * 151, 193},
                                                   {1, x.numel() / 7, 7}})
    for (const Reduction op : {Reduction::sum, Reduction::max})
      expect_same_bits("reduce", {x}, {poisoned({view.outer * view.inner})},
                       [=](Call& c) { c.backend.reduce(op, c.in[0], view, c.out[0]); });
  expect_same_bits("arg_max", {x.reshape({7 * 151, 193})}, {poisoned_indices({7 * 151})},
                   [](Call& c) { c.backend.arg_max(c.in[0], c.out[0]); });
  expect_same_bits("expand", {x}, {poisoned({7 * 151, 3, 193})}, [](Call& c) {
    c.backend.expand(c.in[0], {7 * 151, 3, 193}, c.out[0]);
  });
  expect_same_bits("permute", {x}, {poisoned({193, 7, 151})}, [](Call& c) {
    c.backend.permute(c.in[0], std::vector<int>{2, 0, 1}, c.out[0]);
  });
  expect_same_bits("copy_along", {x}, {normals({7, 200, 193})},
                   [](Call& c) { c.backend.copy_along(1, c.in[0], 1, c.out[0], 5, 100); });
}

TEST_P(ReproducibleTest, RowsAndPooling) {
  const Tensor table = normals({91, 203}), rows = normals({1001, 203});
  const Tensor index = upload_indices(draw_indices(1001, 91));
  expect_same_bits("rows", {table, rows, index}, {rows, table, poisoned({1001, 91})}, [](Call& c) {
    c.backend.gather_rows(c.in[0], c.in[2], c.out[0]);
    c.backend.scatter_add_rows(c.in[1], c.in[2], c.out[1]);
    c.backend.one_hot(c.in[2], 0.1, c.out[2]);
  });
  const Tensor elements = upload_indices(draw_indices(kMany, table.numel()));
  expect_same_bits("elements", {table, elements, normals({kMany})}, {poisoned({kMany}), table},
                   [](Call& c) {
                     c.backend.gather_elements(c.in[0], c.in[1], c.out[0]);
                     c.backend.scatter_add_elements(c.in[2], c.in[1], c.out[1]);
                   });
  const Window window{3, 3, 2, 2, 1, 1};
  const Tensor x = normals({9, 25, 27, 13}), y = poisoned({9, 13, 14, 13});
  expect_same_bits("pooling", {x}, {y, poisoned_indices(y.shape()), y, x},
                   [=](Call& c) { pool_and_back(c, window); });
}

TEST_P(ReproducibleTest, Products) {
  const Tensor a = normals({3, 131, 77}), b = normals({3, 77, 143});
  expect_same_bits("matmul", {a, b}, {poisoned({3, 131, 143})},
                   [](Call& c) { c.backend.matmul(c.in[0], false, c.in[1], false, c.out[0]); });
  const Window window{3, 3, 1, 1, 1, 1};
  const Tensor x = normals({11, 14, 13, 16}), w = normals({24, 3, 3, 16});
  expect_same_bits("conv2d", {x, w}, {poisoned({11, 14, 13, 24}), x, w}, [=](Call& c) {
    c.backend.conv2d(c.in[0], c.in[1], window, 1, c.out[0]);
    c.backend.conv2d_input_gradient(c.out[0], c.in[1], window, 1, c.out[1]);
    c.backend.conv2d_weight_gradient(c.in[0], c.out[0], window, 1, c.out[2]);
  });
}

TEST_P(ReproducibleTest, NormalisationAndLosses) {
  const Tensor x = normals({2003, 67}), dy = normals({2003, 67}), gamma = normals({67});
  const Tensor channel = poisoned({67}), row = poisoned({2003}), y = poisoned({2003, 67});
  expect_same_bits("batch_norm", {x, gamma, dy},
                   {y, channel, channel, y, channel, channel, gamma, gamma}, [](Call& c) {
                     batch_norm_and_back(c, c.in[2]);
                     c.backend.batch_norm_track(c.out[1], c.out[2], 1e-5, 0.1, 2003, c.out[6],
                                                c.out[7]);
                   });
  expect_same_bits("layer_norm", {x, gamma, dy}, {y, row, row, y, channel, channel},
                   [](Call& c) { layer_norm_and_back(c, c.in[2]); });
  expect_same_bits("softmax", {x, dy}, {y, y, y, y}, [](Call& c) {
    c.backend.softmax(c.in[0], c.out[0]);
    c.backend.softmax_backward(c.out[0], c.in[1], c.out[1]);
    c.backend.log_softmax(c.in[0], c.out[2]);
    c.backend.log_softmax_backward(c.out[2], c.in[1], c.out[3]);
  });
  const Tensor labels = upload_indices(draw_indices(2003, 67));
  expect_same_bits("cross_entropy", {x, labels}, {row, y}, [](Call& c) {
    c.backend.cross_entropy(c.in[0], c.in[1], 0.1, c.out[0]);
    c.backend.cross_entropy_backward(c.in[0], c.in[1], 0.1, c.out[0], c.out[1]);
  });
}

TEST_P(ReproducibleTest, MemoryThatStartsAnywhere) {
  const Tensor x = normals({2003, 64}), gamma = normals({64}), channel = poisoned({64});
  const Tensor row = poisoned({2003}), y = poisoned({2003, 64});
  expect_same_bits_anywhere("batch_norm", {x, gamma}, {y, channel, channel, y, channel, channel},
                            [](Call& c) { batch_norm_and_back(c, c.in[0]); });
  expect_same_bits_anywhere("layer_norm", {x, gamma}, {y, row, row, y, channel, channel},
                            [](Call& c) { layer_norm_and_back(c, c.in[0]); });
  const Window window{3, 3, 2, 2, 1, 1};
  const Tensor images = normals({3, 25, 27, 8}), pooled = poisoned({3, 13, 14, 8});
  expect_same_bits_anywhere("pooling", {images},
                            {pooled, poisoned_indices(pooled.shape()), pooled, images},
                            [=](Call& c) { pool_and_back(c, window); });
}

TEST_P(ReproducibleTest, RandomNumbers) {
  const RandomKey key = random_key(run_seed(), "reproducible");
  const Tensor x = normals({307, 331}), y = poisoned({307, 331});
  expect_same_bits("random", {x}, {y, y, y}, [=](Call& c) {
    c.backend.random_uniform(key, -1, 1, c.out[0]);
    c.backend.random_normal(key, 0, 1, c.out[1]);
    c.backend.dropout(c.in[0], 0.3, key, {}, c.out[2]);
  });
}

TEST_P(ReproducibleTest, FlatKernels) {
  const Segments segments = cut_into_segments(kMany, device());
  const Tensor w = normals({kMany}), g = normals({kMany}), y = poisoned({kMany});
  const Tensor zero = poisoned_scalar(), rho = scalar(0.05);
  for (const Metric metric : kMetrics)
    expect_same_bits("ascent", {w, g, rho}, {zero, zero, zero, zero, y, y, g}, [&](Call& c) {
      c.backend.dot(c.in[0], c.in[1], c.out[0]);
      c.backend.metric_squared_norm(c.in[0], c.in[1], metric, segments, c.out[1]);
      c.backend.ascent_scale(c.in[2], c.out[1], c.out[2], c.out[3]);
      c.backend.perturb(c.in[0], c.in[1], c.out[2], metric, segments, c.out[4]);
      c.backend.ascent_direction(c.in[0], c.in[1], c.out[2], metric, segments, c.out[5]);
      c.backend.clip(0.5, c.out[1], c.out[6]);
    });
  const Tensor m = normals({kMany}), v = uniforms({kMany}, 0, 1);
  expect_same_bits("updates", {g, rho}, {w, m, w, m, v, g}, [](Call& c) {
    c.backend.sgd_update({.momentum = 0.9, .weight_decay = 1e-3}, c.in[1], c.in[0], c.out[0],
                         c.out[1]);
    const AdamCoefficients adam{.weight_decay = 1e-3, .decoupled = false, .step = 3};
    c.backend.adam_update(adam, c.in[1], c.in[0], c.out[2], c.out[3], c.out[4]);
    c.backend.adam_derivative(adam, c.in[1], c.in[0], c.out[2], c.out[3], c.out[4], c.out[5]);
  });
}

// Packs are read only where every array of a pass starts at one: the bits do not tell.
TEST_P(ReproducibleTest, FlatKernelsOnViewsThatStartAnywhere) {
  const Segments segments = cut_into_segments(kMany, device());
  const Tensor w = normals({kMany}), g = normals({kMany}), v = uniforms({kMany}, 0, 1);
  const Metric metric{.adaptive = true, .xi = 0.01};
  const auto results = [&](std::int64_t shift_of_w, std::int64_t shift_of_g) {
    const Tensor weight = copy_at(shift_of_w, w), gradient = copy_at(shift_of_g, g);
    Tensor product = poisoned_scalar(), squared = poisoned_scalar();
    Tensor shifted = copy_at(shift_of_g, w), direction = copy_at(shift_of_w, g);
    backend().dot(weight, gradient, product);
    backend().metric_squared_norm(weight, gradient, metric, segments, squared);
    backend().perturb(weight, gradient, scalar(0.1), metric, segments, shifted);
    backend().ascent_direction(weight, gradient, scalar(0.1), metric, segments, direction);
    backend().clip(0.5, squared, direction);
    Tensor by_sgd = copy_at(shift_of_w, w), momentum = copy_at(shift_of_g, g);
    backend().sgd_update({.momentum = 0.9, .weight_decay = 0.1}, scalar(0.1), gradient, by_sgd,
                         momentum);
    Tensor by_adam = copy_at(shift_of_w, w), m = copy_at(shift_of_g, g), second = v.clone();
    backend().adam_update({.step = 3}, scalar(0.1), gradient, by_adam, m, second);
    return std::vector<Tensor>{product,  squared, shifted, direction, by_sgd,
                               momentum, by_adam, m,       second};
  };
  const std::vector<Tensor> aligned = results(0, 0);
  for (const auto& [of_w, of_g] : {std::pair{0, 1}, std::pair{1, 0}, std::pair{3, 2}}) {
    const std::vector<Tensor> found = results(of_w, of_g);
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(same_bits(found[i], aligned[i]))
          << "result " << i << ", starts " << of_w << ", " << of_g;
  }
}

}  // namespace
}  // namespace polder::kernels::testing
