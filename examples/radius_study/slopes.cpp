#include "slopes.h"

#include <cmath>
#include <functional>
#include <numeric>

#include "tangent.h"

namespace polder::radius_study {

namespace {

using PairFunction = std::function<double(const Side& validation, const Side& training)>;

double gap(const Side& validation, const Side& training) { return validation.loss - training.loss; }

/// dJ / d log rho of the pair, J = gap^2 / 2.
double gap_slope(const Side& validation, const Side& training) {
  return gap(validation, training) * (validation.slope - training.slope);
}

PairFunction squared(const PairFunction& f) {
  return [f](const Side& validation, const Side& training) {
    return f(validation, training) * f(validation, training);
  };
}

double mean_over_pairs(const std::vector<Side>& validation, const std::vector<Side>& training,
                       const PairFunction& f) {
  double sum = 0.0;
  for (const Side& v : validation)
    for (const Side& t : training) sum += f(v, t);
  return sum / static_cast<double>(validation.size() * training.size());
}

Side mean_of(const std::vector<Side>& sides) {
  Side mean;
  for (const Side& side : sides) {
    mean.loss += side.loss / static_cast<double>(sides.size());
    mean.slope += side.slope / static_cast<double>(sides.size());
  }
  return mean;
}

Moments moments_of(const std::vector<double>& sample) {
  const auto n = static_cast<double>(sample.size());
  const double mean = std::accumulate(sample.begin(), sample.end(), 0.0) / n;
  double squares = 0.0;
  for (const double value : sample) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / std::max(1.0, n - 1.0)), sample.size()};
}

/// Where the batches for looking come from: walks of their own, which move no training.
struct Walks {
  data::Loader lower, training, validation, test;
};

data::LoaderOptions options_of(const data::Loader& like, std::uint64_t salt) {
  data::LoaderOptions options = like.options();
  options.seed ^= salt;
  options.prefetch = 0;
  return options;
}

Walks walks_of(OpenRun& run) {
  app::Samples& samples = run.samples();
  const data::Loader training = samples.training_loader();
  const auto step = static_cast<std::uint64_t>(run.steps_made() + 1);
  const auto loader = [&](const data::Dataset& set, const std::vector<std::int64_t>& indices,
                          std::uint64_t use) {
    return data::Loader(set, indices, options_of(training, (step << 8) + use));
  };
  return {loader(samples.training(), samples.training_indices(), 1),
          loader(samples.training(), samples.training_indices(), 2),
          loader(samples.training(), samples.validation_indices(), 3),
          loader(samples.test(), samples.test_indices(), 4)};
}

/// The loss of each batch, and its slope along a change of w+.
class Slopes {
 public:
  Slopes(OpenRun& run, const Tensor& change) : run_(run), change_(change) {}

  Side of(const Batch& batch) {
    const Tensor loss = run_.objective().gradient(batch, gradient_, {.upper = true});
    return {loss.item(), inner(gradient_, change_).item()};
  }
  std::vector<Side> of(data::Loader& walk, std::int64_t batches) {
    std::vector<Side> sides;
    for (std::int64_t i = 0; i < batches; ++i) sides.push_back(of(walk.next()));
    return sides;
  }

 private:
  OpenRun& run_;
  const Tensor& change_;
  Tensor gradient_ = run_.arena().make_flat();
};

/// Makes the lower step on the batch; returns d w+ / d log rho.
Tensor lower_step(OpenRun& run, const Batch& batch, StepTangent& tangent, Tensor& g) {
  auto& rule = fixed_radius_rule(run.rule());
  run.objective().begin_step(run.steps_made(), batch.size());
  run.set_rate();
  tangent.watch(rule, run.objective(), batch, g);
  run.base().step(g);
  Tensor change = tangent.finish(rule, run.base(), g).clone();
  kernels::backend_of(change).affine(change, rule.radius().item(), 0.0, change);
  return change;
}

}  // namespace

std::vector<UpperLook> look_from_above(OpenRun& run, int count) {
  constexpr std::int64_t kTestBatches = 8;
  Walks walks = walks_of(run);
  OpenRun::Place here = run.place();
  StepTangent tangent(run.arena());
  Tensor g = run.arena().make_flat();
  std::vector<UpperLook> looks;
  for (int i = 0; i < count; ++i) {
    const Batch batch = walks.lower.next();
    const Tensor change = lower_step(run, batch, tangent, g);
    Slopes slopes(run, change);
    looks.push_back({slopes.of(walks.validation, walks.validation.batches_per_epoch()),
                     slopes.of(walks.training, walks.training.batches_per_epoch()),
                     slopes.of(batch), mean_of(slopes.of(walks.test, kTestBatches))});
    run.return_to(here);
  }
  return looks;
}

std::map<std::string, Moments> summary_of(const std::vector<UpperLook>& looks) {
  std::map<std::string, std::vector<double>> samples;
  for (const UpperLook& look : looks) {
    const Side validation = mean_of(look.validation), training = mean_of(look.training);
    samples["gap"].push_back(gap(validation, training));
    samples["J_whole"].push_back(gap_slope(validation, training));
    samples["J_same"].push_back(mean_over_pairs(look.validation, {look.own}, gap_slope));
    samples["J_fresh"].push_back(mean_over_pairs(look.validation, look.training, gap_slope));
    samples["J_fresh_square"].push_back(
        mean_over_pairs(look.validation, look.training, squared(gap_slope)));
    samples["gap_square"].push_back(mean_over_pairs(look.validation, look.training, squared(gap)));
    samples["validation"].push_back(validation.slope);
    samples["training"].push_back(training.slope);
    samples["own"].push_back(look.own.slope);
    samples["test"].push_back(look.test.slope);
  }
  std::map<std::string, Moments> summary;
  for (const auto& [name, sample] : samples) summary[name] = moments_of(sample);
  return summary;
}

double Moments::standard_error() const { return deviation / std::sqrt(static_cast<double>(count)); }

}  // namespace polder::radius_study
