#include "polder/nn/module.h"

#include <functional>
#include <unordered_set>

namespace polder::nn {
namespace {

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

}  // namespace

std::string_view to_string(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::weight:
      return "weight";
    case SegmentKind::bias:
      return "bias";
    case SegmentKind::norm_scale:
      return "norm_scale";
    case SegmentKind::norm_shift:
      return "norm_shift";
    case SegmentKind::embedding:
      return "embedding";
  }
  return "";
}

RandomKey Pass::next_mask() { return {masks.seed, masks.stream + layers_masked++, masks.step}; }

template <class F>
void Module::visit(const F& f) const {
  std::unordered_set<const Module*> seen;
  const std::function<void(const Module&, const std::string&)> walk =
      [&](const Module& module, const std::string& prefix) {
        if (!seen.insert(&module).second) return;
        f(module, prefix);
        for (const auto& [name, child] : module.children_) walk(*child, joined(prefix, name));
      };
  walk(*this, "");
}

std::vector<Parameter> Module::parameters() const {
  std::vector<Parameter> all;
  visit([&](const Module& module, const std::string& prefix) {
    for (const auto& [name, kind, variable] : module.parameters_)
      all.push_back({joined(prefix, name), kind, variable});
  });
  return all;
}

std::vector<NamedTensor> Module::buffers() const {
  std::vector<NamedTensor> all;
  visit([&](const Module& module, const std::string& prefix) {
    for (const auto& [name, tensor] : module.buffers_)
      all.push_back({joined(prefix, name), tensor});
  });
  return all;
}

Variable Module::add_parameter(std::string name, SegmentKind kind, Tensor initial) {
  require_free(name);
  Variable variable(std::move(initial), true);
  parameters_.push_back({std::move(name), kind, variable});
  return variable;
}

Tensor Module::add_buffer(std::string name, Tensor initial) {
  require_free(name);
  buffers_.push_back({std::move(name), initial});
  return initial;
}

void Module::add_child(std::string name, std::shared_ptr<Module> module) {
  require_free(name);
  require(module != nullptr, "Module: child \"{}\" is null", name);
  children_.emplace_back(std::move(name), std::move(module));
}

void Module::require_free(const std::string& name) const {
  require(!name.empty() && name.find('.') == std::string::npos,
          "Module: name \"{}\" is empty or holds a dot", name);
  const auto is_taken = [&](const auto& entries, auto name_of) {
    for (const auto& entry : entries)
      if (name_of(entry) == name) return true;
    return false;
  };
  const bool taken = is_taken(parameters_, [](const Parameter& p) { return p.name; }) ||
                     is_taken(buffers_, [](const NamedTensor& b) { return b.name; }) ||
                     is_taken(children_, [](const auto& child) { return child.first; });
  require(!taken, "Module: name \"{}\" is taken in this module", name);
}

void Module::claim(const std::shared_ptr<const void>& arena) const {
  visit([](const Module& module, const std::string& name) {
    require(module.arena_.expired(), "ParameterArena: {} already lives in an arena",
            name.empty() ? "the module" : name);
  });
  visit([&](const Module& module, const std::string&) { module.arena_ = arena; });
}

}  // namespace polder::nn
