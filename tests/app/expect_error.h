#pragma once

#include <gmock/gmock.h>

#include <string>

#include "polder/core/error.h"

namespace polder::app {

/// The sentence of the Error that `action` throws; "" when it throws none.
template <class Action>
std::string sentence_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace polder::app
