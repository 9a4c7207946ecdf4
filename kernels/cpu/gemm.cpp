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

template <class T>
void wide_product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
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

/// Eigen's registers run along the n columns of c. When these are few, c^T = b^T a^T fills them
/// better; most of all when a is transposed, which makes its columns lie side by side.
template <class T>
bool is_narrow(std::int64_t m, std::int64_t n, Factor<T> a) {
  return m > n && n < (a.transposed ? 16 : 8);
}

template <class T>
void narrow_product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
                    std::int64_t c_stride, bool accumulate) {
  constexpr std::int64_t kRows = 512;
  T* turned = thread_scratch_of<T>(Scratch::narrow, 16 * kRows);
  for (std::int64_t begin = 0; begin < m; begin += kRows) {
    const std::int64_t rows = std::min(m - begin, kRows);
    wide_product(n, rows, k, b.transpose(), a.at(begin, 0).transpose(), turned, rows, false);
    for (std::int64_t i = 0; i < rows; ++i) {
      T* target = c + (begin + i) * c_stride;
      for (std::int64_t j = 0; j < n; ++j)
        target[j] = turned[j * rows + i] + (accumulate ? target[j] : T{0});
    }
  }
}

}  // namespace

template <class T>
void product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
             std::int64_t c_stride, bool accumulate) {
  const auto form = is_narrow(m, n, a) ? narrow_product<T> : wide_product<T>;
  form(m, n, k, a, b, c, c_stride, accumulate);
}

template void product(std::int64_t, std::int64_t, std::int64_t, Factor<float>, Factor<float>,
                      float*, std::int64_t, bool);
template void product(std::int64_t, std::int64_t, std::int64_t, Factor<double>, Factor<double>,
                      double*, std::int64_t, bool);

}  // namespace polder::kernels::cpu
