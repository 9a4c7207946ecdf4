#include "polder/optim/rules/wasam.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "polder/optim/registry.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {
namespace {

/// Puts back what passes leave behind in the objective.
class KeptProgress {
 public:
  explicit KeptProgress(Objective& objective)
      : objective_(objective), progress_(objective.progress()) {}
  ~KeptProgress() { objective_.set_progress(progress_); }
  KeptProgress(const KeptProgress&) = delete;
  KeptProgress& operator=(const KeptProgress&) = delete;

 private:
  Objective& objective_;
  Objective::Progress progress_;
};

}  // namespace

Wasam::Wasam(std::unique_ptr<Rule> wrapped, double start)
    : wrapped_(std::move(wrapped)), start_(start) {
  require(wrapped_ != nullptr, "wasam: no rule to wrap");
  require(start >= 0.0 && start < 1.0, "wasam: start is {}, want a number in [0, 1)", start);
}

void Wasam::prepare(Objective& objective, const BaseOptimizer& base) {
  wrapped_->prepare(objective, base);
  course_ = objective.course();
  first_epoch_ = static_cast<std::int64_t>(start_ * static_cast<double>(objective.epochs()));
  average_ = Snapshot::of(objective);
  if (!average_.buffers.empty()) static_cast<void>(objective.training_set());
}

StepReport Wasam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  return wrapped_->gradient(objective, batch, g);
}

void Wasam::after_update(Objective& objective, const Batch& batch, const BaseOptimizer& base,
                         const Tensor& g, const Clipping& clipping) {
  wrapped_->after_update(objective, batch, base, g, clipping);
  take_in_weights(objective);
}

StepReport Wasam::step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                       Tensor& g) {
  StepReport report = wrapped_->step(objective, batch, base, clip, g);
  take_in_weights(objective);
  return report;
}

std::optional<std::int64_t> Wasam::phase(std::int64_t step) const {
  if (closes_an_averaged_epoch(step)) return std::nullopt;
  return wrapped_->phase(step);
}

bool Wasam::closes_an_averaged_epoch(std::int64_t step) const {
  const bool closes = (step + 1) % course_.steps_per_epoch == 0 || step + 1 == course_.steps;
  return closes && step / course_.steps_per_epoch >= first_epoch_;
}

/// avg <- n/(n+1) avg + 1/(n+1) w, where an epoch from the start on is over.
void Wasam::take_in_weights(Objective& objective) {
  if (!closes_an_averaged_epoch(objective.step())) return;
  const auto n = static_cast<double>(count_++);
  const Tensor& w = objective.arena().home();
  kernels::backend_of(w).axpby(1.0 / (n + 1.0), w, n / (n + 1.0), average_.weights);
}

Snapshot* Wasam::averaged(Objective& objective) {
  if (count_ == 0) return wrapped_->averaged(objective);
  if (!average_.buffers.empty()) estimate_statistics(objective);
  return &average_;
}

void Wasam::estimate_statistics(Objective& objective) {
  const TrainingSet& set = objective.training_set();
  const std::span<const std::int64_t> samples(set.indices);
  const std::size_t passes = static_cast<std::size_t>(course_.steps_per_epoch);
  std::size_t rows = (samples.size() + passes - 1) / passes;
  if (const auto most = static_cast<std::size_t>(objective.micro_batch()); most > 0)
    rows = std::min(rows, most);
  const KeptProgress progress(objective);
  const AtSnapshot there(objective, average_);
  objective.begin_step(objective.step(), static_cast<std::int64_t>(rows));
  for (std::size_t seen = 0; seen < samples.size();) {
    const std::size_t b = std::min(rows, samples.size() - seen);
    const Batch batch = set.rows(samples.subspan(seen, b));
    seen += b;
    const double momentum = static_cast<double>(b) / static_cast<double>(seen);  // b / (n + b)
    objective.outputs(batch, {.upper = true, .statistics_momentum = momentum});
  }
}

void Wasam::visit_state(StateVisitor& visitor) {
  wrapped_->visit_state(visitor);
  visitor.visit("wasam/average", average_.weights);
  visitor.visit("wasam/count", count_);
}

namespace {

RuleEntry wasam_over(const RuleEntry& wrapped, const std::string& name) {
  RuleEntry entry{.name = name,
                  .summary = wrapped.name + ", evaluated at the mean of its late epochs' weights",
                  .paper = "Kaddour, Liu, Silva, Kusner, NeurIPS 2022, arXiv 2202.00661",
                  .parameters = wrapped.parameters,
                  .cost_formula = wrapped.cost_formula + "; an epoch of F an evaluation",
                  .estimate = wrapped.estimate,
                  .reach = wrapped.reach,
                  .trial = wrapped.trial,
                  .identities = wrapped.identities};
  entry.identities.push_back({wrapped.trial, wrapped.name, wrapped.trial});
  entry.parameters.push_back({"start", "0.75", "share of the epochs before the first average"});
  entry.trial["start"] = "0.1";
  if (wrapped.cost)
    entry.cost = [cost = wrapped.cost](const Settings& settings, std::int64_t rows) {
      RuleCost whole = cost(settings, rows);
      ++whole.kept;
      return whole;
    };
  entry.needs = [needs = wrapped.needs](const Settings& settings) {
    RuleNeeds all = needs ? needs(settings) : RuleNeeds{};
    all.training_set = all.course = true;
    return all;
  };
  entry.make = [make = wrapped.make](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<Wasam>(make(settings, arena), settings.number("start"));
  };
  return entry;
}

}  // namespace

RuleEntry wasam_entry() { return wasam_over(sam_entry(), "wasam"); }

void add_wasam(RuleRegistry& registry) {
  const std::vector<RuleEntry> entries = registry.entries();
  for (const RuleEntry& wrapped : entries) {
    if (wrapped.name.starts_with("wasam")) continue;
    RuleEntry entry = wasam_over(wrapped, "wasam_" + wrapped.name);
    entry.listed = false;
    registry.add(std::move(entry));
  }
}

}  // namespace polder::optim
