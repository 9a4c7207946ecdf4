#pragma once

#include <string>

#include "polder/core/allocator.h"

namespace polder::kernels::cuda {

/// Memory of a card, for the caching allocator. Copies and clears are ordered on the card's stream
/// with everything else; only copies to the host wait.
class CardMemory final : public MemorySource {
 public:
  /// `stream`: where the cudaStream_t in use is found; outlives this object.
  CardMemory(int index, void* const& stream) : index_(index), stream_(stream) {}
  void* take(std::size_t bytes) override;
  void give_back(void* block) noexcept override;
  std::string describe() const override;
  void copy_to_host(void* host, const void* device, std::size_t bytes) override;
  void copy_from_host(void* device, const void* host, std::size_t bytes) override;
  void copy_within(void* destination, const void* source, std::size_t bytes) override;
  void zero(void* device, std::size_t bytes) override;

 private:
  int index_;
  void* const& stream_;
};

}  // namespace polder::kernels::cuda
