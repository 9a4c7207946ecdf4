#pragma once

#include "polder/nn/module.h"

namespace polder::nn {

/// Layers one after the other.
///
///   Sequential net(build);
///   net.add<Linear>("fc1", 4, 8);
///   net.add<Activation>("act1", "tanh");
class Sequential final : public Module {
 public:
  explicit Sequential(Build build) : build_(std::move(build)) {}

  /// Appends M(build.in(name), args...). Throws Error when the name is taken.
  template <class M, class... Args>
  M& add(const std::string& name, Args&&... args) {
    auto layer = make<M>(build_, name, std::forward<Args>(args)...);
    layers_.push_back(layer);
    return *layer;
  }

  Variable forward(const Variable& x, Pass& pass) override;

 private:
  Build build_;
  std::vector<ModulePtr> layers_;
};

}  // namespace polder::nn
