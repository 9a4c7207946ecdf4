#include <cmath>
#include <span>

#include "polder/optim/flat.h"
#include "polder/verify/checks/checks.h"

namespace polder::verify {

using optim::RadiusRule;

namespace {

const char* const kNoRadius = "it has no radius";

std::map<std::string, std::string> with_radius(const optim::RuleEntry& entry,
                                               const std::string& rho) {
  std::map<std::string, std::string> settings = entry.trial;
  settings["rho"] = rho;
  return settings;
}

bool radius_matters(const Subject& subject) {
  const double rho = complete(subject.entry, trial_of(subject.entry)).number("rho");
  const auto half = with_radius(subject.entry, fmt::format("{}", 0.5 * rho));
  return trained(subject, subject.entry, subject.entry.trial) !=
         trained(subject, subject.entry, half);
}

bool refuses_negative_radius(const Subject& subject) {
  nn::ParameterArena arena({{"w", Tensor::zeros({9}, DType::float32, subject.device)}});
  const optim::Settings settings(with_radius(subject.entry, "-0.1"));
  try {
    static_cast<void>(subject.entry.make(complete(subject.entry, settings), arena));
  } catch (const Error&) {
    return true;
  }
  return false;
}

bool may_have_one_for_each_segment(const Subject& subject) {
  Training one = train(subject), many = train(subject);
  const std::vector<double> radii(many.problem.arena.segments().size(),
                                  radius_rule(many)->radius().item());
  radius_rule(many)->set_radius(
      Tensor::from(radii, {static_cast<std::int64_t>(radii.size())}, subject.device));
  one.run_steps(5);
  many.run_steps(5);
  return one.weight_bits() == many.weight_bits();
}

bool remembers_its_radius(const Subject& subject) {
  Training steered = train(subject), resumed = train(subject);
  const double rho = 0.0123;
  radius_rule(steered)->radius().write(std::span<const double>(&rho, 1));
  Memory memory;
  memory.save(steered);
  memory.load(resumed);
  return radius_rule(resumed)->radius().item() == rho;
}

/// Adds up share H u over the looks of a step.
class Tangent : public optim::ExcursionObserver {
 public:
  explicit Tangent(const nn::ParameterArena& arena)
      : sum(arena.make_flat()), u_(arena.make_flat()) {}
  void arrived(optim::Excursion& excursion, const Batch& rows, double share) override {
    ++looks;
    optim::Objective& objective = excursion.objective();
    const nn::ParameterArena& arena = objective.arena();
    const optim::Ascent& ascent = excursion.ascent();
    kernels::backend_of(u_).ascent_direction(arena.home(), ascent.direction, ascent.unit,
                                             ascent.metric, arena.table(), u_);
    objective.hessian_vector_product(rows, u_, sum, {.weight = share, .accumulate = true});
  }
  void looked(optim::Excursion&, const Batch&, double, const Tensor&) override {}

  Tensor sum;
  int looks = 0;

 private:
  Tensor u_;
};

/// Rules may keep more when they are watched.
struct Nobody : optim::ExcursionObserver {
  void arrived(optim::Excursion&, const Batch&, double) override {}
  void looked(optim::Excursion&, const Batch&, double, const Tensor&) override {}
};

/// G of step 2, taken at this radius after two steps at the rule's own.
std::vector<double> gradient_at(const Subject& subject, const NetOptions& net, double radius) {
  Training training = train(subject, net);
  training.run_steps(2);
  radius_rule(training)->radius().write(std::span<const double>(&radius, 1));
  Tensor g = training.problem.arena.make_flat();
  training.run_step_into(g);
  return g.to_vector<double>();
}

}  // namespace

Outcome keeps_its_radius(const Subject& subject) {
  Training training = train(subject);
  if (radius_rule(training) == nullptr) return not_applicable(kNoRadius);
  if (!radius_matters(subject)) return complaint("half the radius gives the same weights");
  if (!refuses_negative_radius(subject)) return complaint("it takes a negative radius");
  if (!may_have_one_for_each_segment(subject))
    return complaint("equal radii for all segments are not the same as one radius");
  if (!remembers_its_radius(subject)) return complaint("a checkpoint loses its radius");
  return complaint("");
}

Outcome has_its_slope(const Subject& subject) {
  const NetOptions net{.dtype = DType::float64, .activation = "tanh"};
  Training watched = train(subject, net);
  RadiusRule* rule = radius_rule(watched);
  if (rule == nullptr) return not_applicable(kNoRadius);
  if (!rule->inexact_because().empty())
    return not_applicable("inexact: " + std::string(rule->inexact_because()));
  watched.run_steps(2);
  Tangent tangent(watched.problem.arena);
  watched.problem.objective.set_observer(&tangent);
  Tensor g = watched.problem.arena.make_flat();
  if (!watched.run_step_into(g).perturbed)
    return not_applicable("the step that is looked at does not depend on the radius");
  if (tangent.looks == 0) return complaint("nobody was told of its looks");
  rule->map_tangent(tangent.sum);
  const auto found = tangent.sum.to_vector<double>();
  const double rho = rule->radius().item(), h = 1e-4 * rho;
  const auto above = gradient_at(subject, net, rho + h);
  const auto below = gradient_at(subject, net, rho - h);
  std::vector<double> error(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    error[i] = found[i] - (above[i] - below[i]) / (2 * h);
  const double size = largest_size(found);
  if (size == 0.0) return complaint("dG/drho is zero by its looks");
  return measured(largest_size(error) / size, 1e-5,
                  "distance of dG/drho by its looks from a central difference, relative");
}

Outcome has_its_adjoint(const Subject& subject) {
  Training training = train(subject, {.dtype = DType::float64});
  RadiusRule* rule = radius_rule(training);
  if (rule == nullptr) return not_applicable(kNoRadius);
  Nobody nobody;
  training.problem.objective.set_observer(&nobody);
  training.run_steps(3);
  const nn::ParameterArena& arena = training.problem.arena;
  const auto random = [&](const char* name) {
    Tensor x = arena.make_flat();
    optim::draw_normal(arena, random_key(1, name), 1.0, x);
    return x;
  };
  const Tensor x = random("x"), y = random("y");
  Tensor ax = x.clone(), ay = y.clone();
  rule->map_tangent(ax);
  rule->map_adjoint(ay);
  return measured(std::abs(optim::dot(ax, y).item() - optim::dot(x, ay).item()), 1e-9,
                  "|<A x, y> - <x, A^T y>|");
}

}  // namespace polder::verify
