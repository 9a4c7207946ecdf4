#pragma once

#include <string>

#include "polder/core/error.h"

namespace polder::autograd::testing {

/// The message of the Error that f throws.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace polder::autograd::testing
