#include "polder/optim/excursion.h"

namespace polder::optim {

using kernels::backend_of;

Ascent ascend(const nn::ParameterArena& arena, const Tensor& g, const Tensor& rho,
              kernels::Metric metric) {
  const auto segments = static_cast<std::int64_t>(arena.segments().size());
  require(rho.shape() == Shape{} || rho.shape() == Shape{segments},
          "ascend: rho is {}, want [] or one radius for each segment [{}]", rho.shape(), segments);
  require(g.shape() == arena.home().shape() && g.dtype() == arena.dtype(),
          "ascend: gradient is {} {}, the arena's weights are {} {}", g.dtype(), g.shape(),
          arena.dtype(), arena.home().shape());
  const auto scalar = [&] { return Tensor::empty(Shape{}, DType::float64, arena.device()); };
  Ascent ascent{.gradient = g,
                .rho = rho,
                .metric = metric,
                .squared_norm = scalar(),
                .scale = Tensor::empty(rho.shape(), DType::float64, arena.device()),
                .norm = scalar()};
  kernels::Backend& backend = backend_of(g);
  backend.metric_squared_norm(arena.home(), g, metric, arena.table(), ascent.squared_norm);
  backend.ascent_scale(rho, ascent.squared_norm, ascent.scale, ascent.norm);
  return ascent;
}

Excursion::Excursion(Objective& objective, const Ascent& ascent)
    : objective_(objective), ascent_(ascent) {
  require(!objective.arena().at_twin(),
          "Excursion: the weights are already away from home, one excursion at a time");
  shift(ascent.scale);
  objective.arena().activate_twin();
}

Excursion::~Excursion() { objective_.arena().activate_home(); }

Tensor Excursion::gradient(const Batch& rows, Tensor& g, double share) {
  ExcursionObserver* observer = objective_.observer();
  if (observer != nullptr) observer->arrived(*this, rows, share);
  Tensor loss = objective_.gradient(rows, g);
  if (observer != nullptr) observer->looked(*this, rows, share, g);
  return loss;
}

void Excursion::shift(const Tensor& scale) {
  nn::ParameterArena& arena = objective_.arena();
  backend_of(arena.home())
      .perturb(arena.home(), ascent_.gradient, scale, ascent_.metric, arena.table(), arena.twin());
}

}  // namespace polder::optim
