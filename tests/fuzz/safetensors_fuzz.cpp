#include "polder/app/safetensors.h"

#include "fuzz.h"

// What is accepted survives a round trip: writing it and reading that gives the same tensors.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polder::app;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Safetensors contents;
  bool accepted = false;
  polder::fuzz::accept_or_refuse([&] {
    contents = from_safetensors(bytes, "input");
    accepted = true;
  });
  if (!accepted) return 0;
  const std::string written = to_safetensors(contents);
  const Safetensors again = from_safetensors(written, "round trip");
  polder::fuzz::promise(again.metadata == contents.metadata, "the metadata survive");
  polder::fuzz::promise(again.tensors.size() == contents.tensors.size(), "the tensors survive");
  for (const auto& [name, tensor] : contents.tensors) {
    const polder::Tensor other = again.find(name);
    polder::fuzz::promise(
        other.defined() && other.shape() == tensor.shape() && other.dtype() == tensor.dtype(),
        "names, shapes and types survive");
  }
  polder::fuzz::promise(to_safetensors(again) == written, "the bytes survive");
  return 0;
}
