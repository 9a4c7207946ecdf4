#include "polder/optim/excursion.h"

#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;

namespace {

void require_fitting(const char* function, const nn::ParameterArena& arena, const Tensor& x,
                     const Tensor& rho) {
  const auto segments = static_cast<std::int64_t>(arena.segments().size());
  require(rho.shape() == Shape{} || rho.shape() == Shape{segments},
          "{}: rho is {}, want [] or one radius for each segment [{}]", function, rho.shape(),
          segments);
  require(x.shape() == arena.home().shape() && x.dtype() == arena.dtype(),
          "{}: direction is {} {}, the arena's weights are {} {}", function, x.dtype(), x.shape(),
          arena.dtype(), arena.home().shape());
}

/// Fills in norm, unit and scale from squared_norm and rho.
void measure(Ascent& ascent) {
  const auto empty = [&](const Shape& shape) {
    return Tensor::empty(shape, DType::float64, ascent.rho.device());
  };
  ascent.norm = empty(Shape{});
  ascent.unit = empty(Shape{});
  ascent.scale = empty(ascent.rho.shape());
  kernels::Backend& backend = backend_of(ascent.rho);
  const Tensor one = constant(1.0, ascent.rho.device());
  backend.ascent_scale(one, ascent.squared_norm, ascent.unit, ascent.norm);
  backend.ascent_scale(ascent.rho, ascent.squared_norm, ascent.scale, ascent.norm);
}

}  // namespace

Ascent ascend(const nn::ParameterArena& arena, const Tensor& g, const Tensor& rho,
              kernels::Metric metric) {
  require_fitting("ascend", arena, g, rho);
  Ascent ascent{.direction = g,
                .rho = rho,
                .metric = metric,
                .squared_norm = Tensor::empty(Shape{}, DType::float64, arena.device()),
                .clean = g};
  backend_of(g).metric_squared_norm(arena.active(), g, metric, arena.table(), ascent.squared_norm);
  measure(ascent);
  return ascent;
}

Ascent ascend_along(const nn::ParameterArena& arena, const Tensor& x, const Tensor& squared_norm,
                    const Tensor& rho, double factor) {
  require_fitting("ascend_along", arena, x, rho);
  Ascent ascent{.direction = x, .rho = rho, .squared_norm = squared_norm};
  measure(ascent);
  ascent.unit = affine(ascent.unit, factor);
  ascent.scale = affine(ascent.scale, factor);
  return ascent;
}

Ascent displace(const nn::ParameterArena& arena, const Tensor& x, const Tensor& rho) {
  require_fitting("displace", arena, x, rho);
  return {.direction = x, .rho = rho, .unit = constant(1.0, arena.device()), .scale = rho.clone()};
}

Ascent opposite(const Ascent& ascent) {
  Ascent back = ascent;
  back.unit = affine(ascent.unit, -1.0);
  back.scale = affine(ascent.scale, -1.0);
  back.clean = {};
  return back;
}

Excursion::Excursion(Objective& objective, const Ascent& ascent)
    : objective_(objective), ascent_(ascent) {
  require(objective.arena().at_home(),
          "Excursion: the weights are already away from home, one excursion at a time");
  shift(ascent.scale);
  objective.arena().activate_twin();
  objective.excursion_ = this;
}

Excursion::~Excursion() {
  objective_.excursion_ = nullptr;
  objective_.arena().activate_home();
}

Tensor Excursion::gradient(const Batch& rows, Tensor& g, double share, const PassOptions& options) {
  ExcursionObserver* observer = objective_.observer();
  if (observer != nullptr) observer->arrived(*this, rows, share);
  Tensor loss = objective_.gradient(rows, g, options);
  if (observer != nullptr) observer->looked(*this, rows, share, g);
  return loss;
}

void Excursion::jump(const Ascent& ascent) {
  ascent_ = ascent;
  walked_ = false;
  shift(ascent.scale);
}

void Excursion::go_on(const Ascent& ascent) {
  ascent_ = ascent;
  walked_ = true;
  write(objective_.arena().twin(), ascent, ascent.scale);
}

void Excursion::at_home(const std::function<void()>& f) {
  nn::ParameterArena& arena = objective_.arena();
  arena.activate_home();
  f();
  arena.activate_twin();
}

void Excursion::shift(const Tensor& scale) {
  require(!walked_,
          "Excursion: shift starts from w, but the rule came here in several steps; finite "
          "differences along such a path are not offered, use exact curvature");
  write(objective_.arena().home(), ascent_, scale);
}

void Excursion::write(const Tensor& from, const Ascent& ascent, const Tensor& scale) {
  nn::ParameterArena& arena = objective_.arena();
  backend_of(from).perturb(from, ascent.direction, scale, ascent.metric, arena.table(),
                           arena.twin(), arena.twin_copy());
}

}  // namespace polder::optim
