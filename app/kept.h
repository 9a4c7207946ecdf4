#pragma once

#include <utility>

#include "polder/data/loader.h"

namespace polder::app {

/// A variable has its value again when this dies.
template <class T>
class Kept {
 public:
  explicit Kept(T& variable) : variable_(variable), value_(variable) {}
  ~Kept() { variable_ = std::move(value_); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

 private:
  T& variable_;
  T value_;
};

/// A loader stands where it stood when this dies.
class KeptPlace {
 public:
  explicit KeptPlace(data::Loader& loader) : loader_(loader), here_(loader.position()) {}
  ~KeptPlace() { loader_.seek(here_); }
  KeptPlace(const KeptPlace&) = delete;
  KeptPlace& operator=(const KeptPlace&) = delete;

 private:
  data::Loader& loader_;
  data::LoaderPosition here_;
};

}  // namespace polder::app
