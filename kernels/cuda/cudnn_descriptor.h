#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <source_location>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace polder::kernels::cuda {

/// Throws Error naming the call's line and cuDNN's own words unless `code` is success.
void check(cudnnStatus_t code, std::source_location where = std::source_location::current());

/// How cuDNN calls the type of an attribute's elements.
template <class T>
inline constexpr auto attribute_type_of = T::is_no_type_of_an_attribute;
template <>
inline constexpr auto attribute_type_of<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto attribute_type_of<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto attribute_type_of<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto attribute_type_of<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr auto attribute_type_of<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto attribute_type_of<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto attribute_type_of<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto attribute_type_of<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto attribute_type_of<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto attribute_type_of<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto attribute_type_of<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr auto attribute_type_of<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr auto attribute_type_of<cudnnBackendBehaviorNote_t> = CUDNN_TYPE_BEHAVIOR_NOTE;

/// One object of cuDNN's graph interface, owned: made, given its attributes, finalized, used. Every
/// function throws Error with the caller's line when cuDNN refuses.
class Descriptor {
 public:
  using Where = std::source_location;

  explicit Descriptor(cudnnBackendDescriptorType_t type, Where where = Where::current());
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }

  template <class T>
  void set(cudnnBackendAttributeName_t name, std::span<const T> values,
           Where where = Where::current()) {
    set_raw(name, attribute_type_of<T>, static_cast<std::int64_t>(values.size()), values.data(),
            where);
  }
  template <class T>
  requires std::is_scalar_v<T>
  void set(cudnnBackendAttributeName_t name, T value, Where where = Where::current()) {
    set(name, std::span<const T>(&value, 1), where);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& value,
           Where where = Where::current()) {
    set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_, where);
  }

  void finalize(Where where = Where::current());
  /// finalize() that may be declined: false when cuDNN says that it does not support this.
  bool finalize_if_supported(Where where = Where::current());

  /// All elements of an attribute of a finalized object.
  template <class T>
  std::vector<T> get(cudnnBackendAttributeName_t name, Where where = Where::current()) const {
    std::vector<T> values(static_cast<std::size_t>(count(name, attribute_type_of<T>, where)));
    get_raw(name, attribute_type_of<T>, values.size(), values.data(), where);
    return values;
  }
  /// How many elements an attribute of a finalized object has.
  std::size_t count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    Where where = Where::current()) const {
    return get_raw(name, type, 0, nullptr, where);
  }
  /// The objects of `type` that an attribute holds, `most` of them at most.
  std::vector<Descriptor> get_objects(cudnnBackendAttributeName_t name,
                                      cudnnBackendDescriptorType_t type, std::size_t most,
                                      Where where = Where::current()) const;

  cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
               std::int64_t count, const void* values, Where where);
  std::size_t get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      std::size_t count, void* values, Where where) const;

  cudnnBackendDescriptor_t raw_ = nullptr;
};

}  // namespace polder::kernels::cuda
