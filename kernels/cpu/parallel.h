#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace polder::kernels::cpu {

/// Calls run(context, i) for every i in [0, count), spread over the threads.
void run_tasks(std::int64_t count, void (*run)(void* context, std::int64_t i), void* context);

/// Calls f(i) for every i in [0, count), spread over the threads.
template <class F>
void parallel_tasks(std::int64_t count, F&& f) {
  using Function = std::remove_reference_t<F>;
  run_tasks(
      count, [](void* context, std::int64_t i) { (*static_cast<Function*>(context))(i); }, &f);
}

/// Calls f(begin, end) for consecutive pieces of [0, n), each `block` long but the last. The pieces
/// depend on the sizes alone, so results that are formed piece by piece do not depend on the number
/// of threads.
template <class F>
void parallel_blocks(std::int64_t n, std::int64_t block, F&& f) {
  if (n <= block) {
    if (n > 0) f(std::int64_t{0}, n);
    return;
  }
  parallel_tasks((n + block - 1) / block,
                 [&](std::int64_t i) { f(i * block, std::min(n, (i + 1) * block)); });
}

/// Elements of an elementwise piece: some 100 kB of operands, microseconds of work.
inline constexpr std::int64_t kElementBlock = 16384;

/// Rows of `width` elements that make up a piece of about kElementBlock elements.
inline std::int64_t rows_per_block(std::int64_t width) {
  return std::max<std::int64_t>(1, kElementBlock / std::max<std::int64_t>(1, width));
}

/// Cuts the flat range [begin, end) of a [rows, inner] array at row ends: f(row, from, to) with
/// flat positions from and to.
template <class F>
void for_row_pieces(std::int64_t begin, std::int64_t end, std::int64_t inner, F&& f) {
  for (std::int64_t row = begin / inner; begin < end; ++row) {
    const std::int64_t stop = std::min(end, (row + 1) * inner);
    f(row, begin, stop);
    begin = stop;
  }
}

}  // namespace polder::kernels::cpu
