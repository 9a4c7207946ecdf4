// What a user of an installed polder writes: nothing here knows the source tree.
#include <polder/polder.h>

#include <cmath>
#include <cstdio>

int main() {
  using namespace polder;
  const auto spirals = data::spirals({.samples = 300, .arms = 3, .seed = 1});
  data::Loader loader(spirals, data::all_indices(spirals), {.batch_size = 50, .seed = 1});
  auto model = nn::make_model("mlp", spirals.sample_shape(), spirals.classes(), {.seed = 1});
  nn::ParameterArena arena(*model);
  optim::ModelObjective objective(*model, arena, optim::cross_entropy_loss(), 1);
  optim::Sgd sgd(arena, {.momentum = 0.9});
  sgd.set_rate(0.1);
  auto registry = optim::built_in_rules();
  lets::add_rules(registry);
  const auto rule = registry.make("sam", {}, arena);
  optim::TrainingStep step(objective, *rule, sgd);
  double first = 0.0, last = 0.0;
  for (int t = 0; t < 300; ++t) {
    last = step.run(loader.next(), t).loss.item();
    if (t == 0) first = last;
  }
  std::printf("loss %.3f -> %.3f, %zu rules\n", first, last, registry.names().size());
  return std::isfinite(last) && last < 0.5 * first ? 0 : 1;
}
