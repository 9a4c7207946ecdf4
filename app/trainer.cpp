#include "polder/app/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <thread>

#include "polder/app/kept.h"
#include "polder/app/receipts.h"
#include "polder/app/samples.h"
#include "polder/app/scoring.h"
#include "polder/core/error.h"
#include "polder/doctor/examine.h"
#include "polder/nn/models/registry.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/recorded_step.h"
#include "polder/optim/schedule.h"
#include "polder/optim/snapshot.h"

namespace polder::app {
namespace {

double read(const Tensor& value) { return value.defined() ? value.item() : kNotMeasured; }

void set_threads(std::int64_t wanted) {
  const unsigned present = std::max(1U, std::thread::hardware_concurrency());
  kernels::set_thread_count(wanted == 0 ? static_cast<int>(present) : static_cast<int>(wanted));
}

nn::ModulePtr build_model(const Config& config, const data::Dataset& dataset) {
  const nn::Build build{.seed = static_cast<std::uint64_t>(config.seed),
                        .device = parse_device(config.device)};
  return nn::make_model(config.model, dataset.sample_shape(), dataset.classes(), build,
                        {.activation = config.activation});
}

nn::Compute compute_of(const Config& config) {
  kernels::allow_tf32(config.precision == "tf32");
  return config.precision == "bfloat16" ? nn::Compute::bfloat16 : nn::Compute::own;
}

std::unique_ptr<optim::BaseOptimizer> build_optimizer(const Config& config,
                                                      nn::ParameterArena& arena) {
  return optim::make_base_optimizer(config.optimizer,
                                    {.weight_decay = config.weight_decay,
                                     .momentum = config.momentum,
                                     .nesterov = config.nesterov,
                                     .beta1 = config.beta1,
                                     .beta2 = config.beta2},
                                    arena);
}

optim::Schedule schedule_of(const Config& config) {
  return {.decay = optim::parse_decay(config.schedule), .peak = config.lr, .warmup = config.warmup};
}

/// At most `count` of the indices, evenly spread.
std::vector<std::int64_t> spread(const std::vector<std::int64_t>& indices, std::size_t count) {
  if (indices.size() <= count) return indices;
  std::vector<std::int64_t> picked(count);
  for (std::size_t i = 0; i < count; ++i) picked[i] = indices[i * indices.size() / count];
  return picked;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

class Trainer::Impl {
 public:
  explicit Impl(const Config& config)
      : config_(config),
        samples_(config),
        loader_(samples_.training_loader()),
        model_(build_model(config, samples_.training())),
        arena_(*model_, compute_of(config)),
        objective_(*model_, arena_, optim::cross_entropy_loss(config.label_smoothing),
                   static_cast<std::uint64_t>(config.seed)),
        rule_(known_rules().make(config.rule, optim::Settings(config.settings), arena_)),
        base_(build_optimizer(config, arena_)),
        schedule_(schedule_of(config)),
        schedule_steps_(config.steps > 0 ? config.steps : config.epochs * steps_per_epoch()),
        budget_(config, schedule_steps_) {
    set_threads(config.threads);
    objective_.set_micro_batch(config.micro_batch);
    set_up_objective();
    training_step_.emplace(objective_, *rule_, *base_, config.clip);
  }

  std::int64_t steps_made() const { return steps_; }
  std::int64_t steps_per_epoch() const { return loader_.batches_per_epoch(); }
  std::int64_t batch_size() const { return config_.batch; }
  std::int64_t total_steps() const {
    const optim::WorkCount step =
        optim::expected_step(known_rules().find(config_.rule), optim::Settings(config_.settings),
                             config_.batch, steps_per_epoch());
    return budget_.planned_steps(evaluations_of(step));
  }
  const Budget& budget() const { return budget_; }
  Spending spent() const { return {steps_, evaluations_of(work_), train_seconds_}; }

  StepRecord step() {
    const Stopwatch watch;
    const double rate = schedule_.rate(budget_.time(spent()), schedule_steps_);
    base_->set_rate(rate);
    const optim::StepReport report = training_step_->run(to_device(loader_.next()), steps_);
    const double norm = gradient_norm();
    require_finite(report, norm, rate);
    ++steps_;
    train_seconds_ += watch.seconds();
    StepRecord record{.step = steps_, .epoch = epoch(), .rate = rate};
    record.loss = read(report.loss);
    record.perturbed_loss = read(report.perturbed_loss);
    record.gradient_norm = report.gradient_norm.defined() ? read(report.gradient_norm) : norm;
    put_radius(report.radius, record);
    const optim::WorkCount work = objective_.work();
    record.gradient_evaluations = work.gradients - work_.gradients;
    work_ = work;
    if (report.decision.defined()) record.scalars.emplace_back("perturbed", read(report.decision));
    for (const auto& [name, value] : report.scalars) record.scalars.emplace_back(name, read(value));
    radius_ = record.radius;
    return record;
  }

  EvaluationRecord evaluate() {
    EvaluationRecord record{.step = steps_, .epoch = epoch()};
    record.evaluations = evaluations_of(work_);
    std::optional<optim::AtSnapshot> average;
    if (optim::Snapshot* weights = rule_->averaged(objective_))
      average.emplace(objective_, *weights);
    record.training = score(samples_.training(), spread(samples_.training_indices(), 2000));
    record.validation = score(samples_.training(), samples_.validation_indices());
    record.test = score(samples_.test(), samples_.test_indices());
    if (!(best_validation_accuracy_ >= record.validation.accuracy))
      best_validation_accuracy_ = record.validation.accuracy;
    last_ = record;
    work_ = objective_.work();  // weights made for evaluation may have cost passes
    return record;
  }

  std::optional<ReceiptRecord> receipt() {
    optim::RadiusRule* rule = radius_rule_of(*rule_);
    if (rule == nullptr) return std::nullopt;
    require(validation_.has_value(), "receipts: want held-out samples, but validation is 0");
    base_->set_rate(schedule_.rate(budget_.time(spent()), schedule_steps_));
    const Batch batch = to_device(peek(loader_));
    const Batch training = fresh_training_ ? to_device(peek(*fresh_training_)) : batch;
    const Batch validation = to_device(peek(*validation_));
    return measure_receipt({*rule, objective_, *base_, config_.clip, steps_}, batch,
                           {training, validation, upper_objective_of(*rule_)});
  }

  doctor::Diagnosis examine(std::int64_t steps,
                            const std::function<void(std::int64_t)>& after_step) {
    require(!budget_.used_up(spent()), "doctor: all {} steps of the run have been made", steps_);
    const std::int64_t left = std::max<std::int64_t>(1, total_steps() - steps_);
    const Kept<std::optional<std::int64_t>> now(examined_step_);
    const KeptPlace training(loader_);
    std::optional<KeptPlace> validation, fresh;
    if (validation_) validation.emplace(*validation_);
    if (fresh_training_) fresh.emplace(*fresh_training_);
    return doctor::examine(objective_, *rule_, *base_,
                           [this](std::int64_t) { return to_device(loader_.next()); },
                           {.steps = std::min(steps, left),
                            .first_step = steps_,
                            .reach = known_rules().find(config_.rule).reach,
                            .clip = config_.clip,
                            .rate = [this](std::int64_t step) { return rate_when_examined(step); },
                            .after_step = after_step});
  }

  std::string recording_note() const {
    if (arena_.device() == kCpu) return {};
    if (!training_step_->reason().empty())
      return "steps were made kernel by kernel: " + training_step_->reason();
    return fmt::format("{} of {} steps were replayed from recordings", training_step_->replays(),
                       steps_);
  }

  RunResult result() const {
    RunResult result{.rule = rule_label(config_), .model = config_.model, .data = config_.data};
    result.seed = config_.seed;
    result.steps = steps_;
    result.weights = arena_.weight_count();
    result.training = last_.training;
    result.validation = last_.validation;
    result.test = last_.test;
    result.best_validation_accuracy = best_validation_accuracy_;
    result.radius = radius_;
    result.gradient_evaluations = work_.gradients;
    result.forward_passes = work_.forwards;
    result.hessian_products = work_.hessian_products;
    result.evaluations = evaluations_of(work_);
    result.train_seconds = train_seconds_;
    result.images_per_second =
        static_cast<double>(steps_ * config_.batch) / std::max(train_seconds_, 1e-9);
    return result;
  }

  CheckpointIdentity identity() const {
    std::string layout;
    for (const nn::Segment& segment : arena_.segments())
      layout += fmt::format("{}{};", segment.name, segment.shape);
    const std::uint32_t hash = random_key(0, layout).stream;
    return {
        fmt::format("{} of {} weights (layout {:08x})", config_.model, arena_.weight_count(), hash),
        fmt::format("{} with {} on {}", config_.rule, config_.optimizer, config_.data)};
  }

  void visit_state(StateVisitor& visitor) {
    visit_model(visitor);
    PrefixVisitor optimizer(visitor, "optimizer/"), rule(visitor, "rule/");
    base_->visit_state(optimizer);
    rule_->visit_state(rule);
    loader_.visit_state(visitor, "loader/");
    if (validation_) validation_->visit_state(visitor, "validation/");
    if (fresh_training_) fresh_training_->visit_state(visitor, "fresh_training/");
    visit_progress(visitor);
  }

 private:
  /// What has been used up where the training stands, or the examination of steps to come.
  Spending clock() const {
    if (!examined_step_) return spent();
    return {*examined_step_, evaluations_of(objective_.work()), train_seconds_};
  }

  double rate_when_examined(std::int64_t step) {
    examined_step_ = step;
    const double end = std::nextafter(static_cast<double>(schedule_steps_), 0.0);
    return schedule_.rate(std::min(budget_.time(clock()), end), schedule_steps_);
  }

  void set_up_objective() {
    const auto [rate_min, rate_max] = schedule_.range(schedule_steps_);
    objective_.set_course({.steps = total_steps(),
                           .steps_per_epoch = steps_per_epoch(),
                           .rate_min = rate_min,
                           .rate_max = rate_max,
                           .done = [this] { return budget_.share(clock()); }});
    const data::Dataset& training = samples_.training();
    const auto rows = [this](std::span<const std::int64_t> indices) {
      return to_device(data::gather(samples_.training(), indices, samples_.normalization()));
    };
    objective_.set_training_set(
        {training.size(), training.classes(), samples_.training_indices(), rows});
    const optim::RuleNeeds needs =
        optim::needs_of(known_rules().find(config_.rule), optim::Settings(config_.settings));
    require(config_.batch >= needs.rows,
            "rule {}: wants batches of {} rows or more, but batch is {}", config_.rule, needs.rows,
            config_.batch);
    set_up_other_batches(needs);
  }

  void set_up_other_batches(const optim::RuleNeeds& needs) {
    require(needs.validation == 0.0 || config_.validation > 0.0,
            "rule {}: wants held-out samples, but validation is 0", config_.rule);
    if (config_.validation > 0.0) {
      const double share = needs.validation > 0.0 ? needs.validation : 1.0;
      validation_.emplace(samples_.validation_loader(share));
      objective_.set_validation([this] { return to_device(validation_->next()); });
    }
    if (!needs.fresh_training) return;
    fresh_training_.emplace(samples_.fresh_training_loader());
    objective_.set_fresh_training([this] { return to_device(fresh_training_->next()); });
  }

  double epoch() const {
    return static_cast<double>(steps_) / static_cast<double>(steps_per_epoch());
  }

  Batch to_device(Batch batch) const { return batch_on(std::move(batch), arena_.device()); }

  double gradient_norm() const {
    const Tensor& g = training_step_->gradient();
    Tensor square = Tensor::empty(Shape{}, DType::float64, g.device());
    kernels::backend_of(g).dot(g, g, square);
    return std::sqrt(square.item());
  }

  void require_finite(const optim::StepReport& report, double norm, double rate) const {
    try {
      optim::require_finite(report, steps_ + 1);
      require(std::isfinite(norm), "step {}: the gradient is {}, want finite numbers", steps_ + 1,
              norm);
    } catch (const Error& error) {
      fail("{} (rule {}, learning rate {:.4g})", error.what(), config_.rule, rate);
    }
  }

  static void put_radius(const Tensor& radius, StepRecord& record) {
    if (!radius.defined()) return;
    const std::vector<double> radii = radius.to_vector<double>();
    record.radius =
        std::accumulate(radii.begin(), radii.end(), 0.0) / static_cast<double>(radii.size());
    if (radius.rank() > 0) record.radii = radii;
  }

  Score score(const data::Dataset& dataset, const std::vector<std::int64_t>& indices) {
    return score_of(dataset, indices, samples_.normalization(), [this](const Batch& batch) {
      return objective_.evaluate(to_device(batch).inputs);
    });
  }

  /// The batch that comes next, without moving on.
  static Batch peek(data::Loader& loader) {
    const KeptPlace here(loader);
    return loader.next();
  }

  void visit_model(StateVisitor& visitor) {
    for (const nn::Segment& segment : arena_.segments()) {
      Tensor part = arena_.part(arena_.home(), segment);
      visitor.visit("model/" + segment.name, part);
    }
    arena_.refresh_home_copy();  // the visitor may have been a reader
    for (nn::NamedTensor buffer : model_->buffers())
      visitor.visit("model/" + buffer.name, buffer.tensor);
  }

  void visit_progress(StateVisitor& visitor) {
    optim::WorkCount work = objective_.work();
    visitor.visit("run/gradient_evaluations", work.gradients);
    visitor.visit("run/forward_passes", work.forwards);
    visitor.visit("run/hessian_products", work.hessian_products);
    objective_.set_work(work);
    work_ = work;
    visitor.visit("run/steps", steps_);
    visitor.visit("run/radius", radius_);
    visitor.visit("run/train_seconds", train_seconds_);
    visitor.visit("run/best_validation_accuracy", best_validation_accuracy_);
    visitor.visit("run/evaluated_at", last_.step);
    visit_score(visitor, "training", last_.training);
    visit_score(visitor, "validation", last_.validation);
    visit_score(visitor, "test", last_.test);
  }

  static void visit_score(StateVisitor& visitor, const std::string& name, Score& score) {
    visitor.visit("run/" + name + "_loss", score.loss);
    visitor.visit("run/" + name + "_accuracy", score.accuracy);
  }

  Config config_;
  Samples samples_;
  data::Loader loader_;
  std::optional<data::Loader> validation_, fresh_training_;
  nn::ModulePtr model_;
  nn::ParameterArena arena_;
  optim::ModelObjective objective_;
  std::unique_ptr<optim::Rule> rule_;
  std::unique_ptr<optim::BaseOptimizer> base_;
  optim::Schedule schedule_;
  std::int64_t schedule_steps_;  // T
  Budget budget_;
  std::optional<optim::RecordedStep> training_step_;  // when the objective has all its data

  std::int64_t steps_ = 0;
  std::optional<std::int64_t> examined_step_;  // while steps to come are examined
  optim::WorkCount work_;                      // up to the last step
  double train_seconds_ = 0.0;
  double radius_ = kNotMeasured;
  double best_validation_accuracy_ = kNotMeasured;
  EvaluationRecord last_;
};

Trainer::Trainer(const Config& config) : impl_(std::make_unique<Impl>(config)) {}
Trainer::~Trainer() = default;
std::int64_t Trainer::steps_made() const { return impl_->steps_made(); }
std::int64_t Trainer::total_steps() const { return impl_->total_steps(); }
const Budget& Trainer::budget() const { return impl_->budget(); }
Spending Trainer::spent() const { return impl_->spent(); }
std::int64_t Trainer::steps_per_epoch() const { return impl_->steps_per_epoch(); }
std::int64_t Trainer::batch_size() const { return impl_->batch_size(); }
StepRecord Trainer::step() { return impl_->step(); }
EvaluationRecord Trainer::evaluate() { return impl_->evaluate(); }
std::optional<ReceiptRecord> Trainer::receipt() { return impl_->receipt(); }
doctor::Diagnosis Trainer::examine(std::int64_t steps,
                                   const std::function<void(std::int64_t)>& after_step) {
  return impl_->examine(steps, after_step);
}
std::string Trainer::recording_note() const { return impl_->recording_note(); }
RunResult Trainer::result() const { return impl_->result(); }
CheckpointIdentity Trainer::identity() const { return impl_->identity(); }
void Trainer::visit_state(StateVisitor& visitor) { impl_->visit_state(visitor); }

}  // namespace polder::app
