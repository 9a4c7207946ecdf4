#include "polder/kernels/cpu/gemm.h"

#include <Eigen/Core>
#include <algorithm>

#include "polder/kernels/cpu/scratch.h"

namespace polder::kernels::cpu {
namespace {

// Eigen's public product picks its blocks from the number of threads it is told, and takes their
// memory from the system on every call. This is the same product one level down, with blocks fixed
// here and memory that the thread keeps: `kDepth` terms of `kWide` columns of b stay in the
// second-level cache while `kTall` rows of a at a time pass by.
constexpr std::int64_t kDepth = 640, kWide = 576, kTall = 128;

template <class T>
class FixedBlocks : public Eigen::internal::level3_blocking<T, T> {
 public:
  FixedBlocks(std::int64_t wide, std::int64_t tall, std::int64_t depth) {
    this->m_kc = std::min(depth, kDepth);
    this->m_mc = std::min(wide, kWide);
    this->m_nc = std::min(tall, kTall);
    this->m_blockA = thread_scratch_of<T>(Scratch::packed_a, kDepth * kWide);
    this->m_blockB = thread_scratch_of<T>(Scratch::packed_b, kDepth * kTall);
  }
};

/// c^T += b^T a^T in Eigen's column-major terms, which is c += a b in our row-major ones.
template <class T, int kOrderB, int kOrderA>
void add_product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
                 std::int64_t c_stride) {
  using Product =
      Eigen::internal::general_matrix_matrix_product<Eigen::Index, T, kOrderB, false, T, kOrderA,
                                                     false, Eigen::ColMajor, 1>;
  FixedBlocks<T> blocks(n, m, k);
  Product::run(n, m, k, b.data, b.stride, a.data, a.stride, c, 1, c_stride, T{1}, blocks);
}

}  // namespace

template <class T>
void product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
             std::int64_t c_stride, bool accumulate) {
  constexpr int kRow = Eigen::RowMajor, kColumn = Eigen::ColMajor;
  if (!accumulate)
    for (std::int64_t i = 0; i < m; ++i) std::fill_n(c + i * c_stride, n, T{0});
  if (m == 0 || n == 0 || k == 0) return;
  if (b.transposed)
    a.transposed ? add_product<T, kRow, kRow>(m, n, k, a, b, c, c_stride)
                 : add_product<T, kRow, kColumn>(m, n, k, a, b, c, c_stride);
  else
    a.transposed ? add_product<T, kColumn, kRow>(m, n, k, a, b, c, c_stride)
                 : add_product<T, kColumn, kColumn>(m, n, k, a, b, c, c_stride);
}

template void product(std::int64_t, std::int64_t, std::int64_t, Factor<float>, Factor<float>,
                      float*, std::int64_t, bool);
template void product(std::int64_t, std::int64_t, std::int64_t, Factor<double>, Factor<double>,
                      double*, std::int64_t, bool);

}  // namespace polder::kernels::cpu
