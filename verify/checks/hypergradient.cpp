#include <cmath>
#include <numeric>
#include <span>

#include "polder/lets/lets.h"
#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

constexpr int kUpperStep = 2;  // the first step that moves the radius
constexpr double kClip = 0.5;

/// Rules that learn their radius are called lets_<rule>.
std::string wrapped_name(const std::string& name) {
  return name.starts_with("lets_") ? name.substr(5) : "";
}

/// Finds rho among the state of a rule.
class RadiusReader : public StateVisitor {
 public:
  void visit(const std::string& name, Tensor& tensor) override {
    if (name == "rho" && tensor.numel() == 1) rho = tensor.item();
  }
  void visit(const std::string&, double&) override {}
  void visit(const std::string&, std::int64_t&) override {}
  void visit(const std::string&, std::vector<double>&) override {}
  double rho = std::nan("");
};

double radius_of(optim::Rule& rule) {
  RadiusReader reader;
  rule.visit_state(reader);
  return reader.rho;
}

double mean_loss(Training& training, const Batch& rows) {
  const std::vector<double> losses =
      training.problem.objective.losses(rows, {.upper = true}).to_vector<double>();
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

NetOptions smooth_net(const Subject& subject) {
  return {.dtype = DType::float64, .activation = "tanh", .device = subject.device};
}

/// J = 1/2 (L_vl - L_tr)^2 at w+ when the wrapped rule makes step `kUpperStep` at this radius.
double upper_objective_at(const Subject& subject, const optim::RuleEntry& wrapped, double rho) {
  Training training(wrapped, trial_of(wrapped), smooth_net(subject), "sgd", kClip);
  training.run_steps(kUpperStep);
  radius_rule(training)->radius().write(std::span<const double>(&rho, 1));
  training.run_step();
  const Batch rows = training.problem.batch(kUpperStep);
  const Batch held_out = training.problem.objective.validation_batch();
  return 0.5 * std::pow(mean_loss(training, held_out) - mean_loss(training, rows), 2);
}

/// dJ/drho over five points.
double central_difference(const Subject& subject, const optim::RuleEntry& wrapped, double rho) {
  const double h = 1e-3 * rho;
  const auto at = [&](double steps) {
    return upper_objective_at(subject, wrapped, rho + steps * h);
  };
  return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * h);
}

}  // namespace

Outcome descends_its_hypergradient(const Subject& subject) {
  const std::string name = wrapped_name(subject.entry.name);
  if (name.empty()) return not_applicable("it does not learn its radius");
  const optim::RuleEntry& wrapped = subject.rules.find(name);
  Training plain(wrapped, trial_of(wrapped), smooth_net(subject), "sgd", kClip);
  const std::string_view reason = radius_rule(plain)->inexact_because();
  if (!reason.empty()) return not_applicable("inexact: " + std::string(reason));
  optim::Settings settings = trial_of(subject.entry);
  settings.set("update_every", std::to_string(kUpperStep + 1));
  settings.set("parametrisation", "clipped");
  settings.set("upper_optimizer", "sgd");
  settings.set("lr_nu", "1");
  Training learning(subject.entry, settings, smooth_net(subject), "sgd", kClip);
  const double before = radius_of(*learning.rule);
  learning.run_steps(kUpperStep);
  if (radius_of(*learning.rule) != before) return complaint("the radius moved before its time");
  if (!learning.run_step().perturbed)
    return not_applicable("the step that is looked at does not depend on the radius");
  const double found = before - radius_of(*learning.rule);
  const double wanted = central_difference(subject, wrapped, before);
  return measured(std::abs(found - wanted) / (std::abs(wanted) + 1e-9), 1e-5,
                  fmt::format("the radius moved by {:.6e}, dJ/drho is {:.6e}", found, wanted));
}

}  // namespace polder::verify
