#include "polder/kernels/cuda/cudnn_descriptor.h"

#include <algorithm>
#include <array>

#include "polder/core/error.h"
#include "polder/kernels/cuda/place.h"

namespace polder::kernels::cuda {
namespace {

bool is_unsupported(cudnnStatus_t code) {
  return CUDNN_STATUS_CATEGORY(code) == CUDNN_STATUS_NOT_SUPPORTED;
}

/// What cuDNN had to say about this thread's last failed call; asking forgets it.
std::string last_words() {
  std::array<char, 512> message{};
  cudnnGetLastErrorString(message.data(), message.size());
  return message.data();
}

}  // namespace

void check(cudnnStatus_t code, std::source_location where) {
  if (code == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  const std::string words = last_words();
  fail("cudnn: {} ({}) at {}", words.empty() ? "no message" : words, cudnnGetErrorString(code),
       place(where));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type, Where where) {
  check(cudnnBackendCreateDescriptor(type, &raw_), where);
}

Descriptor::~Descriptor() {
  if (raw_ != nullptr) static_cast<void>(cudnnBackendDestroyDescriptor(raw_));
}

void Descriptor::finalize(Where where) { check(cudnnBackendFinalize(raw_), where); }

bool Descriptor::finalize_if_supported(Where where) {
  const cudnnStatus_t code = cudnnBackendFinalize(raw_);
  if (!is_unsupported(code)) check(code, where);
  return code == CUDNN_STATUS_SUCCESS;
}

std::vector<Descriptor> Descriptor::get_objects(cudnnBackendAttributeName_t name,
                                                cudnnBackendDescriptorType_t type, std::size_t most,
                                                Where where) const {
  std::vector<Descriptor> objects;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::size_t i = 0; i < most; ++i) raw.push_back(objects.emplace_back(type, where).raw_);
  const std::size_t filled = get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data(), where);
  objects.erase(objects.begin() + static_cast<std::ptrdiff_t>(std::min(filled, most)),
                objects.end());
  return objects;
}

void Descriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         std::int64_t count, const void* values, Where where) {
  check(cudnnBackendSetAttribute(raw_, name, type, count, values), where);
}

std::size_t Descriptor::get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                std::size_t count, void* values, Where where) const {
  std::int64_t found = 0;
  check(
      cudnnBackendGetAttribute(raw_, name, type, static_cast<std::int64_t>(count), &found, values),
      where);
  return static_cast<std::size_t>(found);
}

}  // namespace polder::kernels::cuda
