#include "polder/kernels/cuda/ascent_step.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/flat_sum.cuh"
#include "polder/kernels/cuda/update_step.cuh"

/// The passes of the multi-tensor rung: one launch for a list of tensors, cut into pieces. A block
/// takes one piece at a time; which block takes which does not change a bit.
namespace polder::kernels::POLDER_DEVICE {
namespace {

using ladder::Column;

__device__ std::int64_t entry(const std::int64_t* row, Column column) {
  return row[static_cast<int>(column)];
}

// How a kernel finds an array of the piece in a row of the table.

template <template <class> class Array, class T, Column column>
struct Listed {
  using Element = T;
  __device__ Array<T> of(const std::int64_t* row) const {
    return {reinterpret_cast<T*>(entry(row, column))};
  }
};

/// A part of one flat array.
template <class T>
struct ListedMask {
  using Element = T;
  const T* mask;
  __device__ Input<T> of(const std::int64_t* row) const {
    return {mask + entry(row, Column::offset)};
  }
};

template <class T>
struct NoMask {
  using Element = T;
  __device__ Ones<T> of(const std::int64_t*) const { return {}; }
};

template <class T, class F>
void with_listed_mask(const Tensor& mask, F&& f) {
  if (mask.defined())
    f(ListedMask<T>{mask.data<T>()});
  else
    f(NoMask<T>{});
}

/// Tells a worker that wants to know which segment it works in.
template <class Worker>
__device__ void enter(Worker& worker, std::int64_t segment) {
  if constexpr (requires { worker.cursor.enter(segment); }) worker.cursor.enter(segment);
}

/// A block's threads over n elements: worker(i, a, b, ...).
template <int kSize, class Worker, class... Arrays>
__device__ void pass_piece(std::int64_t n, Worker& worker, Arrays... arrays) {
  const std::int64_t packs = (arrays.starts_at_pack() && ...) ? n / kSize : 0;
  for (std::int64_t i = threadIdx.x; i < packs; i += blockDim.x)
    [&](auto... pack) {
      for (int k = 0; k < kSize; ++k) worker(i * kSize + k, pack.element[k]...);
      (arrays.store_pack(i, pack), ...);
    }(arrays.load_pack(i)...);
  for (std::int64_t i = packs * kSize + threadIdx.x; i < n; i += blockDim.x)
    [&](auto... element) {
      worker(i, element...);
      (arrays.store(i, element), ...);
    }(arrays.load(i)...);
}

template <int kSize, class F, class... Lists>
__global__ void pass_table(std::int64_t pieces, const std::int64_t* table, F f, Lists... lists) {
  auto worker = f.start();
  for (std::int64_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
    const std::int64_t* row = table + piece * ladder::kColumns;
    enter(worker, entry(row, Column::segment));
    pass_piece<kSize>(entry(row, Column::length), worker, lists.of(row)...);
  }
}

/// A term as the work of a pass.
template <class Term>
struct Adding {
  Term& term;
  double sum = 0;
  template <class... T>
  __device__ void operator()(std::int64_t i, T... element) {
    sum = term(sum, i, element...);
  }
};

/// partial[p] = sum over piece p.
template <int kSize, class F, class... Lists>
__global__ void sum_table(std::int64_t pieces, const std::int64_t* table, F f, double* partial,
                          Lists... lists) {
  auto term = f.start();
  for (std::int64_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
    const std::int64_t* row = table + piece * ladder::kColumns;
    enter(term, entry(row, Column::segment));
    Adding<decltype(term)> adding{term};
    pass_piece<kSize>(entry(row, Column::length), adding, lists.of(row)...);
    const double sum = block_sum(adding.sum);
    if (threadIdx.x == 0) partial[piece] = sum;
  }
}

std::int64_t pieces_of(const ladder::Table& table) { return table.rows.numel() / ladder::kColumns; }

Launch block_for_each_piece(const Runtime& runtime, const ladder::Table& table,
                            ladder::Limits limits) {
  Launch shape = block_each(runtime, pieces_of(table));
  shape.blocks = std::min(shape.blocks, limits.blocks);
  return shape;
}

template <class F, class First, class... Lists>
void over_table(Runtime& runtime, const ladder::Table& table, ladder::Limits limits, F f,
                First first, Lists... lists) {
  launch(runtime, block_for_each_piece(runtime, table, limits),
         pass_table<kPackSize<typename First::Element>, F, First, Lists...>, pieces_of(table),
         table.rows.data<std::int64_t>(), f, first, lists...);
}

/// w = spare.
struct Restore {
  struct Worker {
    template <class T>
    __device__ void operator()(std::int64_t, T& w, T spare) const {
      w = spare;
    }
  };
  __device__ Worker start() const { return {}; }
};

}  // namespace

// 4 bytes; 4 more for w where the metric is adaptive, and for a mask.
void DeviceBackend::table_squared_norm(const ladder::Table& table, const ladder::Ascent& ascent,
                                       const Segments& segments, ladder::Limits limits,
                                       Tensor& out) {
  const std::int64_t pieces = pieces_of(table);
  const Tensor partial = Tensor::empty({pieces}, DType::float64, device_);
  with_float(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> flat({}, ascent.metric, segments,
                             ascent.masked_norm ? ascent.enabled : Tensor{});
    const auto sum = [&](auto weight, auto mask) {
      using Term = MetricSquare<T, ToldSegment<T>>;
      using Gradient = Listed<Input, T, Column::g>;
      launch(*runtime_, block_for_each_piece(*runtime_, table, limits),
             sum_table<kPackSize<T>, Term, Gradient, decltype(weight), decltype(mask)>, pieces,
             table.rows.data<std::int64_t>(), Term{flat}, partial.data<double>(), Gradient{},
             weight, mask);
    };
    with_listed_mask<T>(ascent.masked_norm ? ascent.mask : Tensor{}, [&](auto mask) {
      if (ascent.metric.adaptive)
        sum(Listed<Input, T, Column::w>{}, mask);
      else
        sum(NoMask<T>{}, mask);
    });
  });
  sum_partials(*runtime_, device_, pieces, partial.data<double>(), out.data<double>());
}

// 16 bytes, and 4 for a mask.
void DeviceBackend::table_perturb(const ladder::Table& table, const ladder::Ascent& ascent,
                                  const Tensor& scale, const Segments& segments,
                                  ladder::Limits limits) {
  with_float(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> flat(scale, ascent.metric, segments, ascent.enabled);
    with_listed_mask<T>(ascent.mask, [&](auto mask) {
      over_table(*runtime_, table, limits, PerturbInPlace<T, ToldSegment<T>>{flat},
                 Listed<InOut, T, Column::w>{}, Listed<Input, T, Column::g>{}, mask,
                 Listed<Output, T, Column::spare>{});
    });
  });
}

// 8 bytes.
void DeviceBackend::table_restore(const ladder::Table& table, ladder::Limits limits) {
  with_float(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    over_table(*runtime_, table, limits, Restore{}, Listed<Output, T, Column::w>{},
               Listed<Input, T, Column::spare>{});
  });
}

// 20 bytes.
void DeviceBackend::table_sgd(const ladder::Table& table, const SgdCoefficients& coefficients,
                              const Tensor& rate, ladder::Limits limits) {
  with_float(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Listed<Input, T, Column::g> gradient{};
    const Listed<InOut, T, Column::w> weight{};
    if (coefficients.momentum == 0.0)
      over_table(*runtime_, table, limits, PlainSgd<T>(coefficients, rate), gradient, weight);
    else
      over_table(*runtime_, table, limits, MomentumSgd<T>(coefficients, rate, runtime_->clock()),
                 gradient, weight, Listed<InOut, T, Column::m>{});
  });
}

// 28 bytes.
void DeviceBackend::table_adam(const ladder::Table& table, const AdamCoefficients& coefficients,
                               const Tensor& rate, ladder::Limits limits) {
  with_float(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    const AdamUpdate<T> update{{coefficients, rate.data<double>(), runtime_->clock()}};
    over_table(*runtime_, table, limits, update, Listed<Input, T, Column::g>{},
               Listed<InOut, T, Column::w>{}, Listed<InOut, T, Column::m>{},
               Listed<InOut, T, Column::v>{});
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
