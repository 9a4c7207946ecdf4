#pragma once

#include "polder/kernels/cuda/launch.cuh"
#include "polder/kernels/cuda/map.cuh"

/// How the kernels that work per channel walk a [rows, channels] array: it is cut into pieces, a
/// chunk of rows by a tile of channels each. A block takes a piece. A thread takes `width` adjacent
/// channels, a column, and every slots-th row of the chunk.
namespace polder::kernels::POLDER_DEVICE {

/// Adjacent channels that a thread takes at a time, moved in packs of up to 16 bytes.
template <class T, int width>
struct alignas(width * sizeof(T) < 16 ? width * sizeof(T) : 16) Channels {
  T element[width];
};

template <int width, class T>
__device__ Channels<T, width> load(const T* address) {
  return *reinterpret_cast<const Channels<T, width>*>(address);
}

template <int width, class T>
__device__ void store(T* address, const Channels<T, width>& value) {
  *reinterpret_cast<Channels<T, width>*>(address) = value;
}

/// The channels of a pack where rows are whole packs, else 1.
template <class T>
int pack_width(std::int64_t channels) {
  return channels % kPackSize<T> == 0 ? kPackSize<T> : 1;
}

/// Calls f(std::integral_constant<int, width>{}) with the width at which arrays of `channels` may
/// be read and written.
template <class T, class F, class... P>
void with_width(std::int64_t channels, F&& f, const P*... arrays) {
  if (pack_width<T>(channels) > 1 && (is_pack_aligned(arrays) && ...))
    f(std::integral_constant<int, kPackSize<T>>{});
  else
    f(std::integral_constant<int, 1>{});
}

/// Rows of a piece that one thread walks.
inline constexpr int kRowsPerThread = 16;
/// Columns of a tile at most: a warp reads whole cache lines, a block several rows at a time.
inline constexpr int kWidestTile = 64;

struct Pieces {
  std::int64_t rows, channels;
  int tile;            // columns of a tile
  int slots;           // rows that a block reads at a time
  std::int64_t chunk;  // rows of a chunk
  std::int64_t chunks, tiles;
  constexpr std::int64_t count() const { return chunks * tiles; }
};

/// The cut for columns of `width` channels. Which rows a thread adds up depends on the shape alone,
/// also where unaligned memory asks for narrow columns.
template <class T>
Pieces cut_into_pieces(std::int64_t rows, std::int64_t channels, int width) {
  const auto share = [](std::int64_t n, std::int64_t of) { return (n + of - 1) / of; };
  const std::int64_t columns = channels / pack_width<T>(channels);
  const int tile = static_cast<int>(share(columns, share(columns, kWidestTile)));
  const int slots = kThreads / tile;
  const std::int64_t chunk = slots * kRowsPerThread, tiles = share(channels / width, tile);
  return {rows, channels, tile, slots, chunk, share(rows, chunk), tiles};
}

/// This thread's part of a piece: rows begin, begin + slots, ... < end of the column that starts at
/// `channel`. No rows for a thread that is left over.
struct Strip {
  std::int64_t channel, begin, end;
};

template <int width>
__device__ Strip strip_of(const Pieces& cut, std::int64_t piece) {
  const int thread = static_cast<int>(threadIdx.x), slot = thread / cut.tile;
  const std::int64_t channel = (piece % cut.tiles * cut.tile + thread % cut.tile) * width;
  const std::int64_t first = piece / cut.tiles * cut.chunk;
  if (slot >= cut.slots || channel >= cut.channels) return {0, 0, 0};
  return {channel, first + slot, min(cut.rows, first + cut.chunk)};
}

}  // namespace polder::kernels::POLDER_DEVICE
