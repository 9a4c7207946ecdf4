#include "mutants/mutant.h"
#include "polder/optim/rows.h"

namespace polder::mutants {
namespace {

double negative(double x) { return -x; }

/// m shards; `weighs` by size, and comes home before each.
struct Shards {
  bool weighs = true;
  bool comes_home = true;
};

WrongGradient in_shards(const Settings& settings, const Shards& how) {
  return [m = settings.integer("m"), how](const Step& step) {
    const std::int64_t n = step.batch.size();
    Tensor mean = step.arena().make_flat();
    StepReport report{.radius = step.rho, .perturbed = true};
    std::unique_ptr<Excursion> away;
    for (std::int64_t j = 0; j < m; ++j) {
      const Batch shard = step.batch.slice(j * n / m, (j + 1) * n / m);
      const double share = static_cast<double>(shard.size()) / static_cast<double>(n);
      if (how.comes_home) away.reset();
      report.loss = step.objective.gradient(shard, step.g);
      const Ascent ascent = optim::ascend(step.arena(), step.g, step.rho);
      if (away == nullptr)
        away = std::make_unique<Excursion>(step.objective, ascent);
      else
        away->jump(ascent);
      report.perturbed_loss = away->gradient(shard, step.g, share);
      optim::add(how.weighs ? share : 1.0 / static_cast<double>(m), step.g, mean);
    }
    step.g.copy_from(mean);
    return report;
  };
}

RuleEntry m_sharp_sam_with(const Shards& how) {
  return with_gradient("m_sharp_sam",
                       [how](const Settings& settings) { return in_shards(settings, how); });
}

/// w + rho dir(g_t) + sign kappa rho dir(g_v); right: sign = -1
WrongGradient agnostic_with_sign(double sign, const Settings& settings) {
  return
      [kappa = settings.number("kappa"), share = settings.number("share"), sign](const Step& step) {
        auto [report, ascent] = look_around(step);
        Excursion away(step.objective, ascent);
        const std::int64_t rows = optim::share_of_rows(share, step.batch.size());
        const Batch held_out = step.objective.validation_batch().slice(0, rows);
        step.objective.gradient(held_out, step.g, {.move_statistics = false});
        Ascent second = optim::ascend(step.arena(), step.g, optim::affine(step.rho, kappa));
        away.go_on(sign > 0.0 ? second : optim::opposite(second));
        report.perturbed_loss = away.gradient(step.batch, step.g);
        return report;
      };
}

/// lookbehind_sam with adaptive weights, and at most one mistake.
struct Lookbehind {
  bool accumulates = true;  // the next ascent starts where the last one ended
  bool averages = true;     // slow and fast weights
  bool restores = true;     // w after an exception
};

class WrongLookbehind final : public optim::DrivingRule {
 public:
  WrongLookbehind(const Settings& settings, const Lookbehind& how, Device device)
      : k_(settings.integer("k")),
        rho_(Tensor::scalar(settings.number("rho"), device)),
        how_(how) {}

  StepReport step(Objective& objective, const Batch& batch, optim::BaseOptimizer& base, double clip,
                  Tensor& g) override {
    Tensor& w = objective.arena().home();
    const Tensor slow = w.clone();
    try {
      StepReport report = descend(objective, batch, base, clip, g);
      if (how_.averages) average(objective.arena(), slow);
      return report;
    } catch (...) {
      if (how_.restores) w.copy_from(slow);
      throw;
    }
  }

 private:
  StepReport descend(Objective& objective, const Batch& batch, optim::BaseOptimizer& base,
                     double clip, Tensor& g) {
    StepReport report{.radius = rho_, .perturbed = true};
    report.loss = objective.gradient(batch, g);
    const nn::ParameterArena& arena = objective.arena();
    Excursion away(objective, optim::ascend(arena, g, rho_));
    for (std::int64_t j = 0; j < k_; ++j) {
      if (j > 0) {
        objective.gradient(batch, g);
        const Ascent further = optim::ascend(arena, g, rho_);
        how_.accumulates ? away.go_on(further) : away.jump(further);
      }
      report.perturbed_loss = away.gradient(batch, g);
      optim::clip_gradient(clip, g);
      away.at_home([&] { base.step(g); });
      if (j == 0) first_ = arena.home().clone();
    }
    return report;
  }

  /// w <- (1 - a) slow + a fast, a = (cos(fast_1 - slow, fast_k - slow) + 1) / 2 for each segment
  void average(nn::ParameterArena& arena, const Tensor& slow) const {
    Tensor early = first_.clone(), late = arena.home().clone();
    optim::add(-1.0, slow, early);
    optim::add(-1.0, slow, late);
    for (const nn::Segment& segment : arena.segments()) {
      const Tensor x = arena.part(early, segment), y = arena.part(late, segment);
      const double cosine =
          optim::dot(x, y).item() / (optim::norm(x).item() * optim::norm(y).item());
      const double a = (cosine + 1.0) / 2.0;
      Tensor w = arena.part(arena.home(), segment);
      optim::mix(1.0 - a, arena.part(slow, segment), a, w);
    }
  }

  std::int64_t k_;
  Tensor rho_;
  Lookbehind how_;
  Tensor first_;
};

RuleEntry lookbehind_with(const Lookbehind& how) {
  RuleEntry entry = true_rules().find("lookbehind_sam");
  entry.make = [how](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<WrongLookbehind>(settings, how, arena.device());
  };
  return entry;
}

}  // namespace

std::vector<Mutant> several_points() {
  const std::string family = "several_points";
  const std::vector<std::string> wrong_gradient = {"reference", "closed_form"};
  return {
      {family,
       "shards_count_alike",
       "a ragged shard weighs as much as a full one",
       m_sharp_sam_with({.weighs = false}),
       {"closed_form"}},
      {family, "never_home_between_shards", "each shard is first seen from the last one's point",
       m_sharp_sam_with({.comes_home = false}), wrong_gradient},
      {family,
       "ascents_do_not_accumulate",
       "each ascent of lookbehind_sam starts at w",
       lookbehind_with({.accumulates = false}),
       {"reference"}},
      {family,
       "keeps_the_fast_weights",
       "lookbehind_sam does not average",
       lookbehind_with({.averages = false}),
       {"reference"}},
      {family,
       "fast_weights_survive",
       "lookbehind_sam leaves fast weights behind where a pass throws",
       lookbehind_with({.restores = false}),
       {"exception"}},
      {family,
       "without_a_tilt",
       "tilted_sam weighs all losses alike",
       with_number("tilted_sam", "tilt", [](double) { return 0.0; }),
       {"reference"}},
      {family,
       "noise_not_shrunk",
       "tilted_sam's noise is as long as it was drawn",
       with_number("tilted_sam", "noise", [](double) { return 1e9; }),
       {"reference", "identity"}},
      {family, "radii_swapped", "gam takes one radius for the other",
       with_swapped("gam", "rho", "rho_gradient"), wrong_gradient},
      {family, "gam_adds_what_is_across", "gamma has the wrong sign",
       with_number("gam", "gamma", negative), wrong_gradient},
      {family,
       "gam_counts_g0_whole",
       "h- has g0 with weight 1, as released",
       with_settings("gam", [](Settings& settings) { settings.set("h_minus", "code"); }),
       {"reference"}},
      {family,
       "second_move_upwards",
       "agnostic_sam ascends on the held-out batch too",
       with_gradient("agnostic_sam", [](const Settings& s) { return agnostic_with_sign(1.0, s); }),
       {"reference"}},
      {family,
       "held_out_is_training",
       "agnostic_sam's second batch is a training batch",
       with_settings("agnostic_sam", [](Settings& settings) { settings.set("val", "train"); }),
       {"reference"}},
      {family, "shards_as_they_should_be", "weighted by size, each from w", m_sharp_sam_with({}),
       wrong_gradient, true},
      {family,
       "lookbehind_as_it_should_be",
       "no mistake",
       lookbehind_with({}),
       {"reference", "exception"},
       true},
      {family,
       "agnostic_as_it_should_be",
       "down on the held-out batch",
       with_gradient("agnostic_sam", [](const Settings& s) { return agnostic_with_sign(-1.0, s); }),
       {"reference"},
       true},
      {family,
       "bayes_sam_averages_swapped",
       "bayes_sam's momentum and precision have each other's rate",
       with_swapped("bayes_sam", "b1", "b2"),
       {"reference"}},
      {family,
       "bayes_sam_one_shard",
       "bayes_sam draws one noise for the whole batch",
       with_number("bayes_sam", "shards", [](double) { return 1.0; }),
       {"reference"}},
      {family,
       "bayes_sam_precision_not_saved",
       "a checkpoint lacks bayes_sam's momentum and precision",
       forgetful("bayes_sam"),
       {"resume"}},
  };
}

}  // namespace polder::mutants
