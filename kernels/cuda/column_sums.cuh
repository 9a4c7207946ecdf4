#pragma once

#include "polder/core/tensor.h"
#include "polder/kernels/cuda/pieces.cuh"

/// Two sums over the rows of a [rows, channels] array for each channel, in float64: what the
/// statistics and the gradients of normalisation are made of. Each chunk of rows leaves partial
/// sums, and those are added in a fixed order, so the bits depend on the shape alone.
namespace polder::kernels::POLDER_DEVICE {

/// Rows that a thread reads before it adds the first of them.
inline constexpr int kInFlight = 4;

/// sum[k, channel] over the slots of a block's columns, written to this chunk's partial sums.
template <int width>
__device__ void add_slots(const Pieces& cut, std::int64_t piece, const auto& sums,
                          double* partial) {
  const int thread = static_cast<int>(threadIdx.x), channels = cut.tile * width;
  const std::int64_t from = piece % cut.tiles * channels, chunk = piece / cut.tiles;
  for (int i = thread; i < 2 * channels; i += kThreads) {
    const int k = i / channels, c = i % channels;
    if (from + c >= cut.channels) continue;
    double sum = 0;
    for (int slot = 0; slot < cut.slots; ++slot)
      sum += sums[(k * width + c % width) * kThreads + slot * cut.tile + c / width];
    partial[(chunk * 2 + k) * cut.channels + from + c] = sum;
  }
}

/// partial[chunk, k, channel] for k = 0, 1. A term has
///   column(channel): what it keeps in registers of a column that starts there;
///   read(row, channel): what it needs of one row;
///   add(kept, row's, first, second): adds one row's terms to the two sums of the column.
template <int width, class Term>
__global__ void sum_chunks(Pieces cut, Term term, double* partial) {
  POLDER_SHARED(double, sums, 2 * width * kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  for (std::int64_t piece = blockIdx.x; piece < cut.count(); piece += gridDim.x) {
    const Strip own = strip_of<width>(cut, piece);
    double first[width] = {}, second[width] = {};
    const auto kept = term.column(own.channel);
    for (std::int64_t r = own.begin; r < own.end; r += kInFlight * cut.slots) {
      typename Term::Row rows[kInFlight];
      for (int i = 0; i < kInFlight; ++i)
        if (r + i * cut.slots < own.end) rows[i] = term.read(r + i * cut.slots, own.channel);
      for (int i = 0; i < kInFlight; ++i)
        if (r + i * cut.slots < own.end) term.add(kept, rows[i], first, second);
    }
    for (int k = 0; k < width; ++k) {
      sums[k * kThreads + thread] = first[k];
      sums[(width + k) * kThreads + thread] = second[k];
    }
    __syncthreads();
    add_slots<width>(cut, piece, sums, partial);
    __syncthreads();  // before the next piece overwrites the sums
  }
}

/// Channels that a block finishes at a time.
inline constexpr int kFinished = 8;

/// finish(channel, first, second) with the sums over all chunks.
template <class Finish>
__global__ void finish_sums(std::int64_t chunks, std::int64_t channels, const double* partial,
                            Finish finish) {
  constexpr int slots = kThreads / kFinished;
  POLDER_SHARED(double, sums, 2 * kThreads);
  const int own = static_cast<int>(threadIdx.x) % kFinished;
  const int slot = static_cast<int>(threadIdx.x) / kFinished;
  for (std::int64_t from = blockIdx.x * std::int64_t{kFinished}; from < channels;
       from += gridDim.x * std::int64_t{kFinished}) {
    double first = 0, second = 0;
    if (from + own < channels)
      for (std::int64_t chunk = slot; chunk < chunks; chunk += slots) {
        first += partial[chunk * 2 * channels + from + own];
        second += partial[(chunk * 2 + 1) * channels + from + own];
      }
    sums[threadIdx.x] = first;
    sums[kThreads + threadIdx.x] = second;
    __syncthreads();
    if (slot == 0 && from + own < channels) {
      for (int s = 1; s < slots; ++s) {
        first += sums[s * kFinished + own];
        second += sums[kThreads + s * kFinished + own];
      }
      finish(from + own, first, second);
    }
    __syncthreads();  // before the next channels overwrite the sums
  }
}

/// finish(channel, first, second) on the device for every channel of the array that `cut` cuts.
template <int width, class Term, class Finish>
void sum_columns(Runtime& runtime, Device device, const Pieces& cut, Term term, Finish finish) {
  const Tensor partial = Tensor::empty({cut.chunks, 2, cut.channels}, DType::float64, device);
  launch(runtime, block_each(runtime, cut.count()), sum_chunks<width, Term>, cut, term,
         partial.data<double>());
  launch(runtime, block_each(runtime, (cut.channels + kFinished - 1) / kFinished),
         finish_sums<Finish>, cut.chunks, cut.channels, partial.data<double>(), finish);
}

}  // namespace polder::kernels::POLDER_DEVICE
