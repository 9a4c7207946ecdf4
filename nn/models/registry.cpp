#include "polder/nn/models/registry.h"

#include <algorithm>

#include "polder/core/text.h"
#include "polder/nn/models/lenet.h"
#include "polder/nn/models/mlp.h"
#include "polder/nn/models/resnet.h"
#include "polder/nn/models/wide_resnet.h"

namespace polder::nn {
namespace {

using Make = ModulePtr (*)(const Shape& input, std::int64_t classes, const Build& build,
                           const ModelOptions& options);

struct Entry {
  std::string_view name;
  bool hidden, activation, dropout;  // the options it has
  Make make;
};

std::string activation_or_relu(const ModelOptions& options) {
  return options.activation.empty() ? "relu" : options.activation;
}

ModulePtr make_mlp(const Shape& input, std::int64_t classes, const Build& build,
                   const ModelOptions& options) {
  MlpOptions layers{.activation = activation_or_relu(options)};
  if (!options.hidden.empty()) layers.hidden = options.hidden;
  return mlp(input.numel(), classes, build, layers);
}

ModulePtr make_lenet(const Shape& input, std::int64_t classes, const Build& build,
                     const ModelOptions& options) {
  return lenet(input, classes, build, {.activation = activation_or_relu(options)});
}

template <int depth>
ModulePtr make_resnet(const Shape& input, std::int64_t classes, const Build& build,
                      const ModelOptions& options) {
  ResNetOptions form = resnet_of_depth(depth);
  form.activation = activation_or_relu(options);
  return resnet(input[-1], classes, build, form);
}

template <int depth, int widen>
ModulePtr make_wide_resnet(const Shape& input, std::int64_t classes, const Build& build,
                           const ModelOptions& options) {
  return wide_resnet(input[-1], classes, build,
                     {.depth = depth, .widen = widen, .dropout = options.dropout});
}

constexpr Entry kModels[] = {
    {"mlp", true, true, false, make_mlp},
    {"lenet", false, true, false, make_lenet},
    {"resnet18", false, true, false, make_resnet<18>},
    {"resnet20", false, true, false, make_resnet<20>},
    {"resnet32", false, true, false, make_resnet<32>},
    {"resnet56", false, true, false, make_resnet<56>},
    {"wide_resnet16_8", false, false, true, make_wide_resnet<16, 8>},
    {"wide_resnet28_10", false, false, true, make_wide_resnet<28, 10>},
};

const Entry& find(std::string_view name) {
  const auto* entry = std::ranges::find(kModels, name, &Entry::name);
  if (entry != std::end(kModels)) return *entry;
  fail("make_model: unknown model \"{}\", nearest is \"{}\"", name,
       nearest_name(name, model_names()));
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kModels) names.emplace_back(entry.name);
  return names;
}

ModulePtr make_model(std::string_view name, const Shape& input, std::int64_t classes,
                     const Build& build, const ModelOptions& options) {
  const Entry& entry = find(name);
  require(classes > 0, "make_model: {} classes, wanted a positive number", classes);
  require(input.numel() > 0 && (name == "mlp" || input.rank() == 3),
          "make_model: {} takes images [H, W, C], found samples of shape {}", name, input);
  require(entry.hidden || options.hidden.empty(), "make_model: {} has no option hidden", name);
  require(entry.activation || options.activation.empty(), "make_model: {} has no option activation",
          name);
  require(entry.dropout || options.dropout == 0.0, "make_model: {} has no option dropout", name);
  return entry.make(input, classes, build, options);
}

}  // namespace polder::nn
