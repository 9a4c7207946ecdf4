#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "polder/core/error.h"

/// Entry point of libFuzzer and of the replay. A fuzz target may end in polder::Error; any other
/// exception, a crash, a sanitizer's finding or a broken promise is a failure.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace polder::fuzz {

/// Ends the process, as a fuzzer wants it, when a promise about accepted input does not hold.
inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// Runs `parse`; refusing the input in a sentence is fine.
template <class Parse>
void accept_or_refuse(const Parse& parse) {
  try {
    parse();
  } catch (const Error& error) {
    promise(*error.what() != '\0', "an error says something");
  }
}

}  // namespace polder::fuzz
