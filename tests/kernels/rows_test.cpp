#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class RowsTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(RowsTest);

struct Sizes {
  std::int64_t table, width, count;
};
const std::vector<Sizes> kSizes = {{1, 1, 1},    {5, 3, 0},       {7, 33, 40},
                                   {10, 1, 999}, {300, 65, 1001}, {3, 5000, 9}};

std::size_t position(std::int64_t row, std::int64_t width, std::int64_t column) {
  return static_cast<std::size_t>(row * width + column);
}

TEST_P(RowsTest, GatherRowsCopiesThem) {
  for (const auto& [table, width, count] : kSizes) {
    const Tensor x = normals({table, width});
    const Indices index = draw_indices(count, table);
    const Values in = host(x);
    Values expected;
    for (const std::int64_t row : index)
      for (std::int64_t c = 0; c < width; ++c) expected.push_back(in[position(row, width, c)]);
    Tensor y = poisoned({count, width});
    backend().gather_rows(x, upload_indices(index), y);
    EXPECT_EQ(host(y), expected);
  }
}

TEST_P(RowsTest, ScatterAddRowsAddsRepeatedRows) {
  for (const auto& [table, width, count] : kSizes) {
    const Tensor x = normals({count, width});
    Tensor y = wide_normals({table, width});
    const Indices index = draw_indices(count, table);
    const Values in = host(x);
    Values expected = host(y);
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < width; ++c)
        expected[position(index[static_cast<std::size_t>(r)], width, c)] +=
            in[position(r, width, c)];
    backend().scatter_add_rows(x, upload_indices(index), y);
    expect_close(y, expected, {.terms = static_cast<double>(count + 1), .size = 2});
  }
}

TEST_P(RowsTest, ScatterAddKeepsTheOrderOfItsRows) {
  // (big + 1) - big is 0 in either type, (big - big) + 1 is 1: the order shows.
  Tensor table = upload_wide({0.0, 0.0}).reshape({2, 1}), flat = upload({0.0, 0.0});
  const Tensor x = upload({1e20, 1.0, -1e20, 1e20, -1e20, 1.0}, {6, 1});
  const Tensor index = upload_indices({0, 0, 0, 1, 1, 1});
  backend().scatter_add_rows(x, index, table);
  backend().scatter_add_elements(x.reshape({6}), index, flat);
  EXPECT_EQ(host(table), (Values{0, 1}));
  EXPECT_EQ(host(flat), (Values{0, 1}));
}

TEST_P(RowsTest, PutRowsOverwritesThemAndLeavesTheRest) {
  for (const auto& [rows, width, wanted] : kSizes) {
    Indices index;  // distinct: every other row, backwards
    for (std::int64_t r = rows - 1; r >= 0 && std::ssize(index) < wanted; r -= 2)
      index.push_back(r);
    const std::int64_t count = std::ssize(index);
    const Tensor x = normals({count, width});
    Tensor table = normals({rows, width});
    const Values in = host(x);
    Values expected = host(table);
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < width; ++c)
        expected[position(index[static_cast<std::size_t>(r)], width, c)] =
            in[position(r, width, c)];
    backend().put_rows(x, upload_indices(index), table);
    EXPECT_EQ(host(table), expected);
  }
  Tensor labels = upload_indices({1, 2, 3});
  backend().put_rows(upload_indices({9}), upload_indices({1}), labels);
  EXPECT_EQ(labels.to_vector<std::int64_t>(), (Indices{1, 9, 3}));
}

TEST_P(RowsTest, GatherAndScatterOfElements) {
  for (const std::int64_t n : kLengths) {
    const Tensor x = normals({77, 3}), dy = normals({n});
    const Indices index = draw_indices(n, 231);
    const Values in = host(x), added = host(dy);
    Tensor target = normals({77, 3});
    Values gathered, scattered = host(target);
    for (std::size_t i = 0; i < index.size(); ++i) {
      gathered.push_back(in[static_cast<std::size_t>(index[i])]);
      scattered[static_cast<std::size_t>(index[i])] += added[i];
    }
    Tensor y = poisoned({n});
    backend().gather_elements(x, upload_indices(index), y);
    EXPECT_EQ(host(y), gathered);
    backend().scatter_add_elements(dy, upload_indices(index), target);
    expect_close(target, scattered, {.terms = static_cast<double>(n + 1), .size = 2});
  }
}

TEST_P(RowsTest, OneHotWithSmoothing) {
  for (const double smoothing : {0.0, 0.1, 1.0})
    for (const auto& [rows, classes] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {1, 1}, {5, 10}, {2000, 37}}) {
      const Indices labels = draw_indices(rows, classes);
      Values expected;
      for (const std::int64_t label : labels)
        for (std::int64_t c = 0; c < classes; ++c)
          expected.push_back((c == label ? 1.0 - smoothing : 0.0) +
                             smoothing / static_cast<double>(classes));
      Tensor y = poisoned({rows, classes});
      backend().one_hot(upload_indices(labels), smoothing, y);
      expect_close(y, expected, {.terms = 0});
    }
}

TEST_P(RowsTest, IndicesOutOfRangeAreRefusedByName) {
  if (device().type != DeviceType::cpu) GTEST_SKIP() << "indices are checked on the host only";
  const Tensor table = normals({4, 2});
  Tensor y = poisoned({3, 2});
  EXPECT_EQ(error_of([&] {
              backend().gather_rows(table, upload_indices({0, 3, 4}), y);
            }),
            "gather_rows: index 4 at position 2, wanted one in [0, 4)");
  Tensor hot = poisoned({1, 10});
  EXPECT_THROW(backend().one_hot(upload_indices({-1}), 0.0, hot), Error);
}

}  // namespace
}  // namespace polder::kernels::testing
