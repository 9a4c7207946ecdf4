#include <utility>
#include <vector>

#include "polder/kernels/cuda/ascent_step.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/flat_sum.cuh"
#include "polder/kernels/cuda/ladder/once.cuh"

/// The ascent in one cooperative launch: a first pass reads g and adds up its norm, the grid meets,
/// a second pass writes w + eps. Between them the gradient stays where it was read. Of the chunks
/// that a block takes, the first stay in registers, one for each warp; the next in shared memory;
/// the others are read again, last chunk first, because the cache holds the end of what was read.
/// Chunks and sums are those of flat_sum.cuh: the norm has the bits of every other kernel's, for
/// any number of blocks and any room on the chip.
namespace polder::kernels::POLDER_DEVICE {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{kPacksOfAChunk} * 16;

template <class T>
struct Argument {
  std::int64_t n = 0;
  std::int64_t on_chip = 0;  // chunks that a block can keep
  FlatAscent<T> of_norm;     // metric and segments as the norm sees them
  FlatAscent<T> step;        // its scale is rho
  std::int64_t radii;        // number of radii
  double *partial, *runs;    // sums of chunks, and of runs of chunks
  double *scale, *norm;      // results
};

/// What the norm reads, and what the step reads and writes; Ones where nothing is read.
template <class T, class NormWeight, class NormMask, class Mask>
struct Arrays {
  Input<T> g;
  NormWeight norm_weight;
  NormMask norm_mask;
  Input<T> w;
  Mask mask;
  Output<T> shifted;
};

/// Warps of a block. Each keeps a chunk in 64 registers of its lanes. Sixteen warps leave 64 more,
/// enough for the plain ascent; twelve leave 104.
template <class T, class Cursor, class AllArrays>
inline constexpr int kWarps = 12;
template <class T>
inline constexpr int kWarps<T, SameEverywhere<T>, Arrays<T, Ones<T>, Ones<T>, Ones<T>>> = 16;

/// The chunks of this block: every gridDim.x-th. Its warps take turns. Only whole chunks; what is
/// left at the end of the array is the rest, the work of one warp.
template <class T>
struct Share {
  std::int64_t n;
  int warps;

  __device__ int warp() const { return static_cast<int>(threadIdx.x / kWarpSize); }
  __device__ std::int64_t whole() const { return n / kChunk<T>; }
  __device__ std::int64_t chunk(std::int64_t k) const {
    return static_cast<std::int64_t>(blockIdx.x) + k * gridDim.x;
  }
  /// Its first pack.
  __device__ std::int64_t begin(std::int64_t k) const { return chunk(k) * kPacksOfAChunk; }
  __device__ bool has(std::int64_t k) const { return chunk(k) < whole(); }
  /// The last k that belongs to this warp; 0 when it has no chunk.
  __device__ std::int64_t last() const {
    return has(warp()) ? warp() + (whole() - 1 - chunk(warp())) / gridDim.x / warps * warps : 0;
  }
  __device__ bool has_rest() const {
    return n % kChunk<T> != 0 && chunk(0) == whole() % gridDim.x && warp() == 0;
  }
};

/// Calls f(0), f(1), ..., f(count - 1); with constants where f indexes an array in registers.
template <int count, bool constants, class F>
__device__ void repeat(F&& f) {
  if constexpr (constants) [&]<int... k>(std::integer_sequence<int, k...>) {
      (f(std::integral_constant<int, k>{}), ...);
    }
  (std::make_integer_sequence<int, count>{});
  else for (int k = 0; k < count; ++k) f(k);
}

// Where the gradient of a chunk is between the passes: this lane's k-th pack of it, read for the
// first time and for the second.

template <class T>
struct InRegisters {
  static constexpr bool kIndexesRegisters = true;
  Pack<T> (&kept)[kPacksOfALane];
  __device__ Pack<T> first(int k) const { return kept[k]; }
  __device__ Pack<T> second(int k) const { return kept[k]; }
};

template <class T, class Held>
struct InShared {
  static constexpr bool kIndexesRegisters = false;
  Input<T> g;
  std::int64_t begin, place;
  const Held& held;
  __device__ Pack<T> first(int k) const {
    return held[pack_of_lane(place, k)] = load_once(g, pack_of_lane(begin, k));
  }
  __device__ Pack<T> second(int k) const { return held[pack_of_lane(place, k)]; }
};

template <class T>
struct InMemory {
  static constexpr bool kIndexesRegisters = false;
  Input<T> g;
  std::int64_t begin;
  __device__ Pack<T> first(int k) const { return g.load_pack(pack_of_lane(begin, k)); }
  __device__ Pack<T> second(int k) const { return load_once(g, pack_of_lane(begin, k)); }
};

/// Calls f(k, place of the gradient) for the k-th chunk of a block, kept behind its registers.
template <class T, class Held, class F>
__device__ void with_place(const Share<T>& share, std::int64_t on_chip, Input<T> g,
                           const Held& held, std::int64_t k, F&& f) {
  const std::int64_t begin = share.begin(k);
  if (k < on_chip)
    f(k, InShared<T, Held>{g, begin, (k - share.warps) * kPacksOfAChunk, held});
  else
    f(k, InMemory<T>{g, begin});
}

/// This lane's part of the sum over a chunk.
template <class T, class Term, class Gradient, class Weight, class Mask>
__device__ double sum_chunk(std::int64_t begin, Term& term, const Gradient& gradient, Weight w,
                            Mask mask) {
  constexpr bool kConstants = Gradient::kIndexesRegisters;
  double sum = 0;
  repeat<kPacksOfALane / kAhead, kConstants>([&](auto group) {
    Pack<T> ahead[kAhead];
    repeat<kAhead, true>([&](auto row) { ahead[row] = gradient.first(group * kAhead + row); });
    for (int row = 0; row < kAhead; ++row) {
      const std::int64_t pack = pack_of_lane(begin, group * kAhead + row);
      const Pack<T> weight = w.load_pack(pack), kept = mask.load_pack(pack);
      for (int e = 0; e < kPackSize<T>; ++e)
        sum = term(sum, pack * kPackSize<T> + e, ahead[row].element[e], weight.element[e],
                   kept.element[e]);
    }
  });
  return sum;
}

/// Writes w + eps for a chunk.
template <class T, class Worker, class Gradient, class Mask>
__device__ void perturb_chunk(std::int64_t begin, Worker& worker, const Gradient& gradient,
                              Input<T> w, Mask mask, Output<T> shifted) {
  constexpr bool kConstants = Gradient::kIndexesRegisters;
  constexpr int kTogether = std::is_same_v<Mask, Ones<T>> ? 4 : 2;
  repeat<kPacksOfALane / kTogether, kConstants>([&](auto group) {
    Pack<T> again[kTogether], weight[kTogether], kept[kTogether];
    repeat<kTogether, true>([&](auto row) {
      const std::int64_t pack = pack_of_lane(begin, group * kTogether + row);
      weight[row] = load_once(w, pack);
      kept[row] = load_once(mask, pack);
      again[row] = gradient.second(group * kTogether + row);
    });
    repeat<kTogether, true>([&](auto row) {
      const std::int64_t pack = pack_of_lane(begin, group * kTogether + row);
      Pack<T> out;
      for (int e = 0; e < kPackSize<T>; ++e)
        worker(pack * kPackSize<T> + e, weight[row].element[e], again[row].element[e],
               kept[row].element[e], out.element[e]);
      store_once(shifted, pack, out);
    });
  });
}

/// The first pass of a warp: the sums of its chunks.
template <class T, class Term, class AllArrays, class Held>
__device__ void read_gradient(const Argument<T>& a, const AllArrays& arrays, const Share<T>& share,
                              Term term, Pack<T> (&kept)[kPacksOfALane], const Held& held) {
  const auto put = [&](std::int64_t chunk, double sum) {
    sum = warp_sum(sum);
    if (lane() == 0) a.partial[chunk] = sum;
  };
  const auto read = [&](std::int64_t k, const auto& gradient) {
    put(share.chunk(k),
        sum_chunk<T>(share.begin(k), term, gradient, arrays.norm_weight, arrays.norm_mask));
  };
  if (share.has(share.warp())) {
    repeat<kPacksOfALane, true>(
        [&](auto k) { kept[k] = load_once(arrays.g, pack_of_lane(share.begin(share.warp()), k)); });
    read(share.warp(), InRegisters<T>{kept});
  }
  for (std::int64_t k = share.warp() + share.warps; share.has(k); k += share.warps)
    with_place(share, a.on_chip, arrays.g, held, k, read);
  if (share.has_rest())
    put(share.whole(), partial_chunk<kPackSize<T>>(share.whole() * kPacksOfAChunk, a.n, term,
                                                   arrays.g, arrays.norm_weight, arrays.norm_mask));
}

/// The second pass: w + eps, in the opposite order.
template <class T, class Worker, class AllArrays, class Held>
__device__ void write_shifted(const Argument<T>& a, const AllArrays& arrays, const Share<T>& share,
                              Worker worker, Pack<T> (&kept)[kPacksOfALane], const Held& held) {
  const auto write = [&](std::int64_t k, const auto& gradient) {
    perturb_chunk<T>(share.begin(k), worker, gradient, arrays.w, arrays.mask, arrays.shifted);
  };
  if (share.has_rest())
    for (std::int64_t i = share.whole() * kChunk<T> + lane(); i < a.n; i += kWarpSize) {
      T out;
      worker(i, arrays.w.load(i), arrays.g.load(i), arrays.mask.load(i), out);
      arrays.shifted.store(i, out);
    }
  for (std::int64_t k = share.last(); k >= share.warps; k -= share.warps)
    with_place(share, a.on_chip, arrays.g, held, k, write);
  if (share.has(share.warp())) write(share.warp(), InRegisters<T>{kept});
}

/// The sum of all chunks, for every thread of the grid.
__device__ double grid_total(std::int64_t chunks, const double* partial, double* runs) {
  grid_sync();
  if (chunks <= kRun) return run_sum(partial, chunks);
  for (std::int64_t run = warp_rank(); run < runs_of(chunks); run += warp_count()) {
    const double sum = run_sum(partial + run * kRun, min(kRun, chunks - run * kRun));
    if (lane() == 0) runs[run] = sum;
  }
  grid_sync();
  return run_sum(runs, runs_of(chunks));
}

/// rho / (norm + c) for each radius, and the norm.
template <class T>
__device__ void write_scales(const Argument<T>& a, double length) {
  for (std::int64_t s = thread_rank(); s < a.radii; s += thread_count())
    a.scale[s] = a.step.scale[s] / (length + kNormGuard);
  if (thread_rank() == 0) *a.norm = length;
}

template <int warps, class T, class Cursor, class AllArrays>
__global__ void __launch_bounds__(warps* kWarpSize, 1) ascend(Argument<T> a, AllArrays arrays) {
  POLDER_DYNAMIC_SHARED(Pack<T>, held);
  Pack<T> kept[kPacksOfALane];
  const Share<T> share{a.n, warps};
  using Term = typename MetricSquare<T, Cursor>::Term;
  read_gradient(a, arrays, share, Term{Cursor(a.of_norm)}, kept, held);
  const double length = sqrt(grid_total(chunks_of<T>(a.n), a.partial, a.runs));
  write_scales(a, length);
  using Worker = typename Perturb<T, Cursor>::Worker;
  write_shifted(a, arrays, share, Worker{Cursor(a.step, length + kNormGuard)}, kept, held);
}

/// As many blocks as the machine holds at once, and shared memory for what they would keep.
template <class T>
Launch shape_of(const Runtime& runtime, ladder::Limits limits, std::int64_t n, int warps) {
  const std::int64_t chunks = chunks_of<T>(n);
  Launch shape{.threads = warps * kWarpSize, .cooperative = true};
  shape.blocks = std::max<std::int64_t>(
      1, std::min({limits.blocks, std::int64_t{runtime.multiprocessors()}, chunks}));
  const std::int64_t wanted = (chunks + shape.blocks - 1) / shape.blocks - warps;
  const std::size_t room = std::min(limits.shared_bytes, runtime.shared_bytes()) / kChunkBytes;
  const std::size_t kept =
      std::min(room, static_cast<std::size_t>(std::max<std::int64_t>(0, wanted)));
  shape.shared_bytes = kept * kChunkBytes;
  return shape;
}

void require_room(std::int64_t runs, const std::vector<Tensor>& arrays) {
  require(runs <= kRun, "norm_and_perturb: {} sums of runs found, at most {} wanted", runs, kRun);
  for (const Tensor& array : arrays)
    require(is_pack_aligned(array.raw()),
            "norm_and_perturb: an array does not start at a multiple of 16 bytes");
}

/// Calls f(arrays of the launch).
template <class T, class F>
void with_arrays(const ladder::Ascent& ascent, const Tensor& w, const Tensor& g,
                 const Tensor& shifted, F&& f) {
  const auto of = [&](auto norm_weight, auto norm_mask, auto mask) {
    f(Arrays<T, decltype(norm_weight), decltype(norm_mask), decltype(mask)>{
        {g.data<T>()}, norm_weight, norm_mask, {w.data<T>()}, mask, {shifted.data<T>()}});
  };
  with_input<T>(ascent.metric.adaptive ? w : Tensor{}, [&](auto norm_weight) {
    with_input<T>(ascent.mask, [&](auto mask) {
      if (ascent.masked_norm)
        of(norm_weight, mask, mask);
      else
        of(norm_weight, Ones<T>{}, mask);
    });
  });
}

}  // namespace

void DeviceBackend::norm_and_perturb(const ladder::Ascent& ascent, const Segments& segments,
                                     ladder::Limits limits, const Tensor& w, const Tensor& g,
                                     Tensor& scale, Tensor& norm, Tensor& shifted) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = w.numel(), chunks = chunks_of<T>(n), runs = runs_of(chunks);
    require_room(runs, {w, g, ascent.mask, shifted});
    const Tensor sums = Tensor::empty({chunks + runs}, DType::float64, device_);
    const FlatAscent<T> step(ascent.rho, ascent.metric, segments, ascent.enabled);
    FlatAscent<T> of_norm = step;
    of_norm.scale = nullptr;
    if (!ascent.masked_norm) of_norm.enabled = nullptr;
    Argument<T> argument{.n = n,
                         .of_norm = of_norm,
                         .step = step,
                         .radii = ascent.rho.numel(),
                         .partial = sums.data<double>(),
                         .runs = sums.data<double>() + chunks,
                         .scale = scale.data<double>(),
                         .norm = norm.data<double>()};
    with_cursor(step, [&]<class Cursor>() {
      with_arrays<T>(ascent, w, g, shifted, [&](const auto& arrays) {
        using AllArrays = std::remove_cvref_t<decltype(arrays)>;
        constexpr int warps = kWarps<T, Cursor, AllArrays>;
        const Launch shape = shape_of<T>(*runtime_, limits, n, warps);
        argument.on_chip = warps + static_cast<std::int64_t>(shape.shared_bytes / kChunkBytes);
        launch(*runtime_, shape, ascend<warps, T, Cursor, AllArrays>, argument, arrays);
      });
    });
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
