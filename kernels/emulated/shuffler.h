#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace polder::kernels::emulated::machine {

/// Numbers for shuffling: splitmix64, a few operations each.
class Shuffler {
 public:
  explicit Shuffler(std::uint64_t seed = 0) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[next() % i]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace polder::kernels::emulated::machine
