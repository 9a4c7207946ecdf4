#include "polder/lets/hypergradient.h"

#include "polder/core/text.h"
#include "polder/lets/curvature_product.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::affine;
using optim::difference;
using optim::dot;
using optim::product;

using kernels::backend_of;
using optim::Excursion;
using optim::ExcursionObserver;
using optim::Objective;
using optim::RadiusRule;

namespace {

/// While it lives, `observer` watches the objective.
class Watching {
 public:
  Watching(Objective& objective, ExcursionObserver& observer)
      : objective_(objective), before_(objective.observer()) {
    objective_.set_observer(&observer);
  }
  ~Watching() { objective_.set_observer(before_); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Objective& objective_;
  ExcursionObserver* before_;
};

class TangentHypergradient final : public Hypergradient {
 public:
  TangentHypergradient(Curvature curvature, const nn::ParameterArena& arena, double dr)
      : Hypergradient(arena),
        probe_(make_curvature_probe(curvature, arena, dr)),
        tangent_(arena.make_flat()) {}

  UpperSlope finish(const RadiusRule& rule, Objective& objective, const Batch&,
                    const UpperProblem& problem, const BaseStep& step) override {
    rule.map_tangent(tangent_);
    apply_clip_derivative(step.clipping, step.gradient, tangent_);
    step.base.apply_derivative(step.gradient, tangent_);
    UpperSlope upper = measure(objective, problem, step.base.rate());
    upper.slope = product(upper.slope, dot(upper_gradient_, tangent_));
    return upper;
  }

 private:
  void begin() override { backend_of(tangent_).fill(0.0, tangent_); }
  void end(const RadiusRule& rule) override { probe_->finish(rule.radius(), tangent_); }
  void arrived(Excursion& excursion, const Batch& rows, double share) override {
    probe_->arrived({excursion, rows, share}, tangent_);
  }
  void looked(Excursion& excursion, const Batch& rows, double share, const Tensor& g) override {
    probe_->looked({excursion, rows, share}, g, tangent_);
  }

  std::unique_ptr<CurvatureProbe> probe_;
  Tensor tangent_;  // dG / drho, then dUpdate / drho
};

class AdjointHypergradient final : public Hypergradient {
 public:
  AdjointHypergradient(Curvature curvature, const nn::ParameterArena& arena, double dr)
      : Hypergradient(arena),
        arena_(arena),
        product_(make_curvature_product(curvature, arena, dr)),
        u_(arena.make_flat()),
        z_(arena.make_flat()) {}

  UpperSlope finish(const RadiusRule& rule, Objective& objective, const Batch& batch,
                    const UpperProblem& problem, const BaseStep& step) override {
    UpperSlope upper = measure(objective, problem, step.base.rate());
    step.base.apply_derivative(step.gradient, upper_gradient_);
    apply_clip_derivative(step.clipping, step.gradient, upper_gradient_);
    rule.map_adjoint(upper_gradient_);
    product_->multiply(objective, batch, rule.radius(), upper_gradient_, z_);
    upper.slope = product(dot_by_segment(), upper.slope);
    return upper;
  }

 private:
  void begin() override { looks_ = 0; }
  void end(const RadiusRule&) override {}
  void arrived(Excursion& excursion, const Batch&, double) override {
    require(++looks_ == 1,
            "lets: one radius per segment needs a rule that looks once a step (sam, asam), and "
            "this one looked again");
    write_direction(arena_, excursion.ascent(), u_);
  }
  void looked(Excursion&, const Batch&, double, const Tensor& g) override { product_->looked(g); }

  /// <u_s, z_s> for every segment s
  Tensor dot_by_segment() const {
    const auto& offsets = arena_.table().host_offsets;
    const auto segments = static_cast<std::int64_t>(arena_.segments().size());
    Tensor dots = Tensor::empty({segments}, DType::float64, u_.device());
    for (std::int64_t s = 0; s < segments; ++s) {
      Tensor out = dots.view(s, Shape{});
      const auto begin = offsets[static_cast<std::size_t>(s)];
      const auto end = offsets[static_cast<std::size_t>(s) + 1];
      backend_of(u_).dot(u_.slice(begin, end), z_.slice(begin, end), out);
    }
    return dots;
  }

  const nn::ParameterArena& arena_;
  std::unique_ptr<CurvatureProduct> product_;
  Tensor u_, z_;
  int looks_ = 0;
};

}  // namespace

std::string_view to_string(UpperObjective objective) {
  return objective == UpperObjective::squared_gap ? "squared_gap" : "validation_loss";
}

UpperObjective parse_upper_objective(const std::string& name) {
  for (const UpperObjective known : {UpperObjective::squared_gap, UpperObjective::validation_loss})
    if (name == to_string(known)) return known;
  fail("lets: unknown upper objective '{}', the nearest is '{}'", name,
       nearest_name(name, {"squared_gap", "validation_loss"}));
}

Hypergradient::Hypergradient(const nn::ParameterArena& arena)
    : upper_gradient_(arena.make_flat()) {}

optim::StepReport Hypergradient::watch(RadiusRule& rule, Objective& objective, const Batch& batch,
                                       Tensor& g) {
  begin();
  const Watching watching(objective, *this);
  optim::StepReport report = rule.gradient(objective, batch, g);
  end(rule);
  return report;
}

UpperSlope Hypergradient::measure(Objective& objective, const UpperProblem& problem,
                                  const Tensor& rate) {
  UpperSlope found;
  found.validation_loss = objective.gradient(problem.validation, upper_gradient_, {.upper = true});
  found.slope = affine(rate, -1.0);
  if (problem.objective == UpperObjective::validation_loss) return found;
  const Tensor training = objective.gradient(problem.training, upper_gradient_,
                                             {.weight = -1.0, .accumulate = true, .upper = true});
  found.gap = difference(found.validation_loss, training);
  found.slope = product(found.slope, found.gap);
  return found;
}

std::unique_ptr<Hypergradient> make_hypergradient(Curvature curvature,
                                                  const nn::ParameterArena& arena,
                                                  double difference_step) {
  return std::make_unique<TangentHypergradient>(curvature, arena, difference_step);
}

std::unique_ptr<Hypergradient> make_segment_hypergradient(Curvature curvature,
                                                          const nn::ParameterArena& arena,
                                                          double difference_step) {
  return std::make_unique<AdjointHypergradient>(curvature, arena, difference_step);
}

}  // namespace polder::lets
