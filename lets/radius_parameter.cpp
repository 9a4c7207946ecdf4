#include "polder/lets/radius_parameter.h"

#include <cmath>
#include <vector>

#include "polder/core/text.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::affine;
using optim::all_finite;
using optim::assign_if;
using optim::difference;
using optim::larger;
using optim::map;
using optim::product;
using optim::quotient;
using optim::smaller;
using optim::sum;
using optim::total;

using kernels::Unary;

namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-12;

void check(const RadiusOptions& options) {
  require(std::isfinite(options.learning_rate) && options.learning_rate >= 0.0,
          "lets: the learning rate of the radius is {}, wanted a finite number >= 0",
          options.learning_rate);
  require(
      0.0 < options.rho_min && options.rho_min < options.rho_max && std::isfinite(options.rho_max),
      "lets: the radius is to stay in [{}, {}], wanted 0 < rho_min < rho_max < infinity",
      options.rho_min, options.rho_max);
}

/// Where the position must stay so that rho stays in its range.
std::vector<double> bound(const std::vector<double>& rho0, double limit, Parametrisation form) {
  std::vector<double> bounds;
  for (const double start : rho0)
    bounds.push_back(form == Parametrisation::log ? std::log(limit / start) : limit);
  return bounds;
}

}  // namespace

std::string_view to_string(Parametrisation parametrisation) {
  return parametrisation == Parametrisation::log ? "log" : "clipped";
}

Parametrisation parse_parametrisation(const std::string& name) {
  if (name == "log") return Parametrisation::log;
  if (name == "clipped") return Parametrisation::clipped;
  fail("lets: unknown parametrisation '{}', the nearest is '{}'", name,
       nearest_name(name, {"log", "clipped"}));
}

std::string_view to_string(UpperOptimizer optimizer) {
  return optimizer == UpperOptimizer::adam ? "adam" : "sgd";
}

UpperOptimizer parse_upper_optimizer(const std::string& name) {
  if (name == "adam") return UpperOptimizer::adam;
  if (name == "sgd") return UpperOptimizer::sgd;
  fail("lets: unknown upper optimizer '{}', the nearest is '{}'", name,
       nearest_name(name, {"adam", "sgd"}));
}

RadiusParameter::Parts::Parts(const Tensor& state, const Shape& shape) {
  const std::int64_t n = shape.numel();
  rho = state.view(0, shape);
  position = state.view(n, shape);
  first = state.view(2 * n, shape);
  second = state.view(3 * n, shape);
  decay1 = state.view(4 * n, Shape{});
  decay2 = state.view(4 * n + 1, Shape{});
  clamp_hits = state.view(4 * n + 2, Shape{});
}

RadiusParameter::RadiusParameter(const Tensor& initial, const RadiusOptions& options)
    : options_(options), rho0_(initial.clone()) {
  check(options);
  const std::vector<double> rho0 = rho0_.to_vector<double>();
  for (const double start : rho0)
    require(options.rho_min <= start && start <= options.rho_max,
            "lets: the radius starts at {}, wanted one inside [{}, {}]", start, options.rho_min,
            options.rho_max);
  const Device device = initial.device();
  const Shape& shape = initial.shape();
  lowest_ = Tensor::from(bound(rho0, options.rho_min, options.parametrisation), shape, device);
  highest_ = Tensor::from(bound(rho0, options.rho_max, options.parametrisation), shape, device);
  state_ = Tensor::zeros({4 * shape.numel() + 3}, DType::float64, device);
  skipped_ = Tensor::zeros(Shape{}, DType::float64, device);

  Parts parts(state_, shape);
  parts.rho.copy_from(rho0_);
  if (options.parametrisation == Parametrisation::clipped) parts.position.copy_from(rho0_);
  kernels::backend_of(state_).fill(1.0, parts.decay1);
  kernels::backend_of(state_).fill(1.0, parts.decay2);
  rho_ = parts.rho;
}

void RadiusParameter::descend(const Tensor& hypergradient) {
  const Tensor next_state = state_.clone();
  Parts next(next_state, rho_.shape());
  const Tensor slope = options_.parametrisation == Parametrisation::log
                           ? product(hypergradient, rho_)
                           : hypergradient;
  move(next, optimizer_step(next, slope));
  const Tensor good = product(all_finite(hypergradient), all_finite(next_state));
  skipped_.copy_from(sum(skipped_, affine(good, -1.0, 1.0)));
  assign_if(good, next_state, state_);
}

Tensor RadiusParameter::optimizer_step(Parts& next, const Tensor& slope) const {
  if (options_.optimizer == UpperOptimizer::sgd) return affine(slope, options_.learning_rate);
  kernels::Backend& backend = kernels::backend_of(slope);
  backend.axpby(1.0 - kBeta1, slope, kBeta1, next.first);
  backend.axpby(1.0 - kBeta2, product(slope, slope), kBeta2, next.second);
  backend.affine(next.decay1, kBeta1, 0.0, next.decay1);
  backend.affine(next.decay2, kBeta2, 0.0, next.decay2);
  const Tensor mean = quotient(next.first, affine(next.decay1, -1.0, 1.0));
  const Tensor square = quotient(next.second, affine(next.decay2, -1.0, 1.0));
  const Tensor root = affine(map(Unary::sqrt, square), 1.0, kEpsilon);
  return affine(quotient(mean, root), options_.learning_rate);
}

void RadiusParameter::move(Parts& next, const Tensor& step) const {
  const Tensor wanted = difference(next.position, step);
  next.position.copy_from(smaller(larger(wanted, lowest_), highest_));
  const Tensor below = map(Unary::step, difference(lowest_, wanted));
  const Tensor above = map(Unary::step, difference(wanted, highest_));
  next.clamp_hits.copy_from(sum(next.clamp_hits, total(sum(below, above))));
  next.rho.copy_from(options_.parametrisation == Parametrisation::log
                         ? product(map(Unary::exp, next.position), rho0_)
                         : next.position);
}

std::int64_t RadiusParameter::clamp_hits() const {
  return static_cast<std::int64_t>(Parts(state_, rho_.shape()).clamp_hits.item());
}

std::int64_t RadiusParameter::skipped() const { return static_cast<std::int64_t>(skipped_.item()); }

void RadiusParameter::visit_state(StateVisitor& visitor) {
  visitor.visit("radius_parameter", state_);
  visitor.visit("radius_skipped", skipped_);
}

}  // namespace polder::lets
