#include "polder/app/explain/trace.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "polder/optim/base_optimizer.h"
#include "polder/optim/flat.h"
#include "polder/optim/rule.h"
#include "polder/optim/snapshot.h"
#include "polder/optim/training_step.h"

namespace polder::app {
namespace {

constexpr double kMomentum = 0.5;  // for rules that need some

Point point_of(const nn::ParameterArena& arena, const Tensor& flat) {
  const auto value = [&](std::size_t i) {
    return arena.part(flat, arena.segments()[i]).to_vector<double>()[0];
  };
  return {value(0), value(1)};
}

/// A model's objective that writes down every pass.
class TracedObjective final : public optim::ModelObjective {
 public:
  using ModelObjective::ModelObjective;

  void open(const Batch& batch) {
    batch_ = batch;
    looks_.clear();
  }
  std::vector<Look> take() { return std::move(looks_); }

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    bool added = false;  // a term may have nothing to add yet
    const optim::LossTerm watched = [&, term = plan.term](const auto& outputs, const Batch& part) {
      autograd::Variable more = (*term)(outputs, part);
      added = more.defined();
      return more;
    };
    if (plan.term != nullptr) plan.term = &watched;
    Tensor own = arena().make_flat();
    Tensor losses = ModelObjective::add_gradient(rows, seeds_of, plan, own);
    optim::add(1.0, own, g);
    Look& look = note(Look::Kind::gradient, rows, losses);
    look.result = point_of(arena(), own);
    look.term = added;
    return losses;
  }
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override {
    Tensor losses = ModelObjective::per_sample_losses(rows, plan);
    note(Look::Kind::losses, rows, losses);
    return losses;
  }
  Tensor outputs_of(const Batch& rows, PassPlan plan) override {
    note(Look::Kind::outputs, rows, {});
    return ModelObjective::outputs_of(rows, plan);
  }
  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override {
    Tensor own = arena().make_flat();
    ModelObjective::add_hessian_product(rows, weight, plan, v, own);
    optim::add(1.0, own, out);
    Look& look = note(Look::Kind::hessian, rows, {});
    look.direction = point_of(arena(), v);
    look.result = point_of(arena(), own);
  }

 private:
  Look& note(Look::Kind kind, const Batch& rows, const Tensor& losses) {
    Look look{.kind = kind, .rows = origin(rows), .count = rows.size()};
    look.at = point_of(arena(), arena().active());
    if (losses.defined()) {
      const auto values = losses.to_vector<double>();
      look.loss =
          std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    }
    return looks_.emplace_back(look);
  }

  /// Rows are the batch's when each of them stands in it.
  Look::Rows origin(const Batch& rows) const {
    const auto mine = batch_.inputs.to_vector<double>(), theirs = rows.inputs.to_vector<double>();
    for (const double x : theirs)
      if (std::find(mine.begin(), mine.end(), x) == mine.end()) return Look::Rows::other;
    return theirs.size() == mine.size() ? Look::Rows::batch : Look::Rows::part;
  }

  Batch batch_;
  std::vector<Look> looks_;
};

void give_data(optim::Objective& base, const ProductData& data, const WalkOptions& options) {
  auto& objective = dynamic_cast<TracedObjective&>(base);
  constexpr std::int64_t kEpoch = ProductData::kStepsPerEpoch;
  objective.set_course({.steps = options.steps,
                        .steps_per_epoch = kEpoch,
                        .rate_min = options.rate,
                        .rate_max = options.rate});
  objective.set_validation([&] { return data.validation(objective.step()); });
  objective.set_fresh_training(
      [&] { return data.batch(objective.step() + kEpoch * options.steps); });
  optim::TrainingSet set{ProductData::kSamples, 2, {}, {}};
  set.indices.resize(ProductData::kSamples);
  std::iota(set.indices.begin(), set.indices.end(), 0);
  set.rows = [&](std::span<const std::int64_t> indices) {
    return data.rows({indices.begin(), indices.end()});
  };
  objective.set_training_set(std::move(set));
}

/// 0-d values of the report that are defined, by name.
std::vector<std::pair<std::string, double>> scalars_of(const optim::StepReport& report) {
  std::vector<std::pair<std::string, double>> scalars;
  const auto add = [&](std::string_view name, const Tensor& value) {
    if (value.defined() && value.numel() == 1)
      scalars.emplace_back(name, value.to_vector<double>()[0]);
  };
  add("radius", report.radius);
  for (const auto& [name, value] : report.scalars) add(name, value);
  return scalars;
}

}  // namespace

std::vector<Update> walk(const optim::RuleRegistry& rules, const std::string& name,
                         const optim::Settings& settings, const ProductData& data,
                         const WalkOptions& options) {
  ProductNet net(options.start);
  nn::ParameterArena arena(net);
  TracedObjective objective(net, arena, optim::cross_entropy_loss(), options.seed);
  give_data(objective, data, options);
  const auto rule = rules.make(name, settings, arena);
  const double momentum = optim::needs_of(rules.find(name), settings).momentum ? kMomentum : 0.0;
  const auto base = optim::make_base_optimizer("sgd", {.momentum = momentum}, arena);
  base->set_rate(options.rate);
  optim::TrainingStep step(objective, *rule, *base);
  const bool drives = dynamic_cast<optim::DrivingRule*>(rule.get()) != nullptr;

  std::vector<Update> updates;
  for (std::int64_t t = 0; t < options.steps; ++t) {
    const Batch batch = data.batch(t);
    Update update{.step = t, .rate = options.rate, .before = point_of(arena, arena.home())};
    objective.open(batch);
    const optim::StepReport report = step.run(batch, t);
    update.looks = objective.take();
    update.after = point_of(arena, arena.home());
    if (!drives) update.gradient = point_of(arena, step.gradient());
    update.scalars = scalars_of(report);
    if (optim::Snapshot* average = rule->averaged(objective))
      update.averaged = point_of(arena, average->weights);
    updates.push_back(std::move(update));
  }
  return updates;
}

}  // namespace polder::app
