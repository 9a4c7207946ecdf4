#include "polder/lets/curvature.h"

#include "polder/core/text.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::add;
using optim::affine;
using optim::average;
using optim::difference;
using optim::map;
using optim::product;
using optim::quotient;
using optim::scale_by;
using optim::sum;

using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;
using optim::Ascent;

namespace {

class ExactCurvature final : public CurvatureProbe {
 public:
  explicit ExactCurvature(const nn::ParameterArena& arena) : u_(arena.make_flat()) {}

  void arrived(const Look& look, Tensor& x) override {
    optim::Objective& objective = look.excursion.objective();
    write_direction(objective.arena(), look.excursion.ascent(), u_);
    objective.hessian_vector_product(look.rows, u_, x, {.weight = look.share, .accumulate = true});
  }
  void looked(const Look&, const Tensor&, Tensor&) override {}
  void finish(const Tensor&, Tensor&) override {}

 private:
  Tensor u_;
};

class FiniteDifferenceCurvature final : public CurvatureProbe {
 public:
  explicit FiniteDifferenceCurvature(double step) : step_(step) {}

  void arrived(const Look& look, Tensor& x) override {
    const Ascent& ascent = look.excursion.ascent();
    // d epsilon / d rho = u, so rho + dr stands at scale + dr unit.
    const Tensor shift = product(finite_difference_step(ascent.rho, x.dtype(), step_), ascent.unit);
    add_gradient(look, sum(ascent.scale, shift), look.share, x);
    add_gradient(look, difference(ascent.scale, shift), -look.share, x);
    look.excursion.shift(ascent.scale);
  }
  void looked(const Look&, const Tensor&, Tensor&) override {}
  void finish(const Tensor& rho, Tensor& x) override {
    const Tensor dr = finite_difference_step(rho, x.dtype(), step_);
    scale_by(map(Unary::reciprocal, affine(dr, 2.0)), x);
  }

 private:
  /// x <- x + weight grad L(w + scale T T x)
  static void add_gradient(const Look& look, const Tensor& scale, double weight, Tensor& x) {
    look.excursion.shift(scale);
    look.excursion.objective().gradient(
        look.rows, x,
        {.weight = weight, .accumulate = true, .move_statistics = false, .own_precision = true});
  }

  double step_;
};

class SecantCurvature final : public CurvatureProbe {
 public:
  void arrived(const Look& look, Tensor& x) override {
    const Ascent& ascent = look.excursion.ascent();
    require(ascent.rho.rank() == 0,
            "lets: secant curvature knows only the full H u and cannot serve one radius per "
            "segment; use exact, finite_difference or squared_gradient");
    require(ascent.clean.defined(),
            "lets: secant curvature compares with the clean gradient of the same rows, which this "
            "rule does not have; use exact, finite_difference or squared_gradient");
    // g_p - g is about H epsilon, and epsilon = (scale / unit) u.
    per_u_ = affine(quotient(ascent.unit, ascent.scale), look.share);
    add(affine(per_u_, -1.0), ascent.clean, x);
  }
  void looked(const Look&, const Tensor& g, Tensor& x) override { add(per_u_, g, x); }
  void finish(const Tensor&, Tensor&) override {}

 private:
  Tensor per_u_;
};

class SquaredGradientCurvature final : public CurvatureProbe {
 public:
  explicit SquaredGradientCurvature(const nn::ParameterArena& arena) : u_(arena.make_flat()) {}

  void arrived(const Look& look, Tensor&) override {
    write_direction(look.excursion.objective().arena(), look.excursion.ascent(), u_);
  }
  void looked(const Look& look, const Tensor& g, Tensor& x) override {
    backend_of(x).binary(Binary::mul, u_, g, Broadcast::none, u_);
    backend_of(x).binary(Binary::mul, u_, g, Broadcast::none, u_);
    backend_of(x).axpby(look.share, u_, 1.0, x);
  }
  void finish(const Tensor&, Tensor&) override {}

 private:
  Tensor u_;
};

}  // namespace

std::string_view to_string(Curvature curvature) {
  switch (curvature) {
    case Curvature::exact:
      return "exact";
    case Curvature::finite_difference:
      return "finite_difference";
    case Curvature::secant:
      return "secant";
    case Curvature::squared_gradient:
      break;
  }
  return "squared_gradient";
}

Curvature parse_curvature(const std::string& name) {
  std::vector<std::string> known;
  for (const Curvature curvature : kCurvatures) {
    if (name == to_string(curvature)) return curvature;
    known.emplace_back(to_string(curvature));
  }
  fail("lets: unknown curvature '{}', the nearest is '{}' (known: {})", name,
       nearest_name(name, known), join(known));
}

std::unique_ptr<CurvatureProbe> make_curvature_probe(Curvature curvature,
                                                     const nn::ParameterArena& arena,
                                                     double difference_step) {
  switch (curvature) {
    case Curvature::exact:
      return std::make_unique<ExactCurvature>(arena);
    case Curvature::finite_difference:
      return std::make_unique<FiniteDifferenceCurvature>(difference_step);
    case Curvature::secant:
      return std::make_unique<SecantCurvature>();
    case Curvature::squared_gradient:
      break;
  }
  return std::make_unique<SquaredGradientCurvature>(arena);
}

void write_direction(const nn::ParameterArena& arena, const Ascent& ascent, Tensor& u) {
  kernels::Backend& backend = backend_of(u);
  backend.ascent_direction(arena.home(), ascent.direction, ascent.unit, ascent.metric,
                           arena.table(), u);
}

Tensor finite_difference_step(const Tensor& rho, DType dtype, double difference_step) {
  const Tensor radius = average(rho);
  if (difference_step > 0.0) return affine(radius, 0.0, difference_step);
  return dtype == DType::float64 ? affine(radius, 0.0, 1e-5) : affine(radius, 0.1);
}

}  // namespace polder::lets
