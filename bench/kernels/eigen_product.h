#pragma once

#include <cstdint>

namespace polder::bench {

/// The competitor: c [m, n] = op(a) op(b), row-major, by Eigen's own product on `threads` threads.
void eigen_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, bool transpose_a,
                   const float* b, bool transpose_b, float* c, int threads);

}  // namespace polder::bench
