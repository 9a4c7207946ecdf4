#include "polder/app/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace polder::app {
namespace {

constexpr double kLivePeriod = 0.1;    // seconds between drawings of the bar
constexpr double kPlainPeriod = 10.0;  // seconds between plain lines
constexpr double kSmoothing = 0.95;

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100.0 * share) : "-";
}

}  // namespace

void TrainProgress::started(const Trainer& trainer) {
  trainer_ = &trainer;
  first_share_ = share();
  first_step_ = trainer.steps_made();
  batch_size_ = trainer.batch_size();
  steps_per_epoch_ = trainer.steps_per_epoch();
  if (first_step_ > 0) screen_.print(fmt::format("going on from step {}", first_step_));
  start_ = last_shown_ = Clock::now();
}

void TrainProgress::stepped(const StepRecord& record) {
  const double weight = std::isfinite(smooth_loss_) ? kSmoothing : 0.0;
  // Rules that look from elsewhere alone have no clean loss.
  const double loss = std::isfinite(record.loss) ? record.loss : record.perturbed_loss;
  smooth_loss_ = (1.0 - weight) * loss + (weight > 0.0 ? weight * smooth_loss_ : 0.0);
  radius_ = record.radius;
  const bool live = screen_.live();
  if (seconds_since(last_shown_) < (live ? kLivePeriod : kPlainPeriod)) return;
  last_shown_ = Clock::now();
  if (!live) return screen_.print(status(record));
  const std::string text = fmt::format(" {:>3.0f} %  {}", 100.0 * share(), status(record));
  const std::size_t used = columns_of(text) + 2, width = screen_.width();
  const std::size_t room = width > used ? width - used : 0;
  screen_.draw({screen_.bar(share(), std::clamp<std::size_t>(room, 6, 30)) + text});
}

double TrainProgress::share() const { return trainer_->budget().share(trainer_->spent()); }

std::string TrainProgress::status(const StepRecord& record) const {
  const double seconds = seconds_since(start_);
  const auto made = static_cast<double>(record.step - first_step_);
  const double left = (1.0 - share()) / (share() - first_share_);
  std::string text = fmt::format("step {}", record.step);
  if (trainer_->budget().kind() == Budget::Kind::steps)
    text += fmt::format("/{}", trainer_->total_steps());
  text += fmt::format("  loss {:.4f}", smooth_loss_);
  if (std::isfinite(accuracy_)) text += fmt::format("  accuracy {}", percent(accuracy_));
  if (std::isfinite(radius_)) text += fmt::format("  radius {:.4g}", radius_);
  const double images = made * static_cast<double>(batch_size_) / seconds;
  return text +
         fmt::format("  {} images/s  {} left", short_number(images), clock_text(seconds * left));
}

void TrainProgress::evaluated(const EvaluationRecord& record) {
  const bool held_out = std::isfinite(record.validation.accuracy);
  accuracy_ = held_out ? record.validation.accuracy : record.test.accuracy;
  std::string line = fmt::format("{} {:<6.4g}", screen_.bold("epoch"), record.epoch);
  const auto add = [&](std::string_view name, const Score& score) {
    if (std::isfinite(score.loss))
      line += fmt::format("  {} {:.4f} {}", screen_.dim(name), score.loss,
                          pad(percent(score.accuracy), 8, true));
  };
  add("training", record.training);
  add("held out", record.validation);
  add("test", record.test);
  if (std::isfinite(radius_)) line += fmt::format("  {} {:.4g}", screen_.dim("radius"), radius_);
  screen_.print(line + fmt::format("  {}", clock_text(seconds_since(start_))));
}

void TrainProgress::measured(const ReceiptRecord& record) {
  constexpr std::string_view kShort[] = {"exact", "difference", "secant", "squared"};
  std::string line =
      fmt::format("{} dJ/drho {:<9.3g}", screen_.bold("receipt"), record.central_difference);
  for (std::size_t i = 0; i < record.slopes.size(); ++i)
    line += fmt::format("  {} {:.3g}", screen_.dim(kShort[i]), record.slopes[i]);
  screen_.print(line);
}

void TrainProgress::finished(const Trainer& trainer) {
  const std::string note = trainer.recording_note();
  if (!note.empty()) screen_.print(screen_.dim(note));
}

}  // namespace polder::app
