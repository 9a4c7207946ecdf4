// How much of SAM's perturbation is left when layers read the weights in bfloat16.
//
// A small network learns two spirals with SAM, its layers reading bfloat16 copies of float32
// weights. Then it takes one more ascent of each length, and the rounded weights are compared with
// the perturbation they were meant to make: see optim/rounding.h.

#include <cstdio>

#include "polder/optim/excursion.h"
#include "polder/optim/flat.h"
#include "polder/optim/rounding.h"
#include "polder/optim/scalars.h"
#include "polder/polder.h"

using namespace polder;

namespace {

Tensor clean_gradient(optim::ModelObjective& objective, const Batch& batch, std::int64_t step) {
  Tensor g = objective.arena().make_flat();
  objective.begin_step(step, batch.size());
  objective.gradient(batch, g);
  return g;
}

}  // namespace

int main() {
  constexpr std::int64_t kSteps = 300;
  const auto samples = data::spirals({.samples = 2000, .seed = 5});
  data::Loader loader(samples, data::all_indices(samples), {.batch_size = 100, .seed = 5});
  const auto model = nn::make_model("mlp", samples.sample_shape(), 2, {.seed = 5});
  nn::ParameterArena arena(*model, nn::Compute::bfloat16);
  optim::ModelObjective objective(*model, arena, optim::cross_entropy_loss(), 5);
  optim::Sgd sgd(arena, {.weight_decay = 5e-4});
  optim::Sam sam(0.05);
  optim::TrainingStep step(objective, sam, sgd);
  sgd.set_rate(0.05);
  double loss = 0.0;
  for (std::int64_t t = 0; t < kSteps; ++t) loss = step.run(loader.next(), t).loss.item();
  std::printf("%lld weights, ||w|| = %.2f, loss %.4f after %lld steps\n\n",
              static_cast<long long>(arena.weight_count()), optim::norm(arena.home()).item(), loss,
              static_cast<long long>(kSteps));

  const Tensor g = clean_gradient(objective, loader.next(), kSteps);
  std::printf("| rho | weights that change, %% | along epsilon | length |\n");
  std::printf("| ---: | ---: | ---: | ---: |\n");
  bool survives = true;
  for (const double rho : {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0}) {
    const Tensor radius = optim::constant(rho, kCpu);
    const optim::Excursion away(objective, optim::ascend(arena, g, radius));
    const optim::RoundedStep left = optim::rounded_step(arena);
    std::printf("| %g | %.1f | %.3f | %.2f |\n", rho, 100 * left.changed, left.along, left.length);
    if (rho >= 0.05) survives = survives && left.along > 0.9 && left.along < 1.1;
  }
  return survives ? 0 : 1;
}
