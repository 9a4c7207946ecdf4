#include "mutants/mutant.h"

namespace polder::mutants {
namespace {

using optim::affine;

double negative(double x) { return -x; }
double complement(double x) { return 1.0 - x; }

/// G = g_p - alpha perp(g_p; g)
WrongGradient projection_the_wrong_way_round(const Settings& settings) {
  return [alpha = settings.number("alpha"), low = settings.number("rho_min")](const Step& step) {
    const auto& course = step.objective.course();
    const Tensor f = affine(step.objective.rate(), 1.0 / (course.rate_max - course.rate_min),
                            -course.rate_min / (course.rate_max - course.rate_min));
    const Tensor rho = optim::sum(optim::product(step.rho, f), affine(f, -low, low));
    auto [report, unused] = look_around(step);
    const Tensor clean = step.g.clone();
    Excursion away(step.objective, optim::ascend(step.arena(), clean, rho));
    report.perturbed_loss = away.gradient(step.batch, step.g);
    Tensor across = step.g.clone();
    optim::remove_projection(clean, across);
    optim::add(-alpha, across, step.g);
    return report;
  };
}

/// G = g + alpha (g_p - g): what should be g_p at alpha = 1 is so to rounding only.
WrongGradient difference_form(const Settings& settings) {
  return [alpha = settings.number("alpha")](const Step& step) {
    auto [report, ascent] = look_around(step);
    const Tensor clean = step.g.clone();
    ascent.direction = clean;
    Excursion away(step.objective, ascent);
    report.perturbed_loss = away.gradient(step.batch, step.g);
    optim::add(-1.0, clean, step.g);
    optim::mix(1.0, clean, alpha, step.g);
    return report;
  };
}

/// epsilon = (rho / (||g|| + c) + sign alpha) g; right: sign = -1
WrongGradient sagm_with_sign(double sign, const Settings& settings) {
  return [alpha = sign * settings.number("alpha")](const Step& step) {
    auto [report, ascent] = look_around(step);
    const Tensor clean = step.g.clone();
    ascent.direction = clean;
    ascent.scale = affine(ascent.scale, 1.0, alpha);
    Excursion away(step.objective, ascent);
    report.perturbed_loss = away.gradient(step.batch, step.g);
    optim::mix(0.5, clean, 0.5, step.g);
    return report;
  };
}

/// A direction from the gradient and a memory m, undefined on the first step.
using Direction = std::function<Tensor(const Tensor& g, Tensor& m)>;

WrongGradient along(const Direction& direction) {
  return [direction, m = Tensor()](const Step& step) mutable {
    auto [report, ascent] = look_around(step);
    const Tensor x = direction(step.g, m);
    Excursion away(step.objective, optim::ascend(step.arena(), x, step.rho));
    report.perturbed_loss = away.gradient(step.batch, step.g);
    return report;
  };
}

/// x = g - sigma m, then m takes in x instead of g.
WrongGradient fed_with_the_reduced_gradient(const Settings& settings) {
  return along([sigma = settings.number("sigma"), lambda = settings.number("lambda")](
                   const Tensor& g, Tensor& m) {
    Tensor x = g.clone();
    if (!m.defined())
      m = g.clone();
    else {
      optim::add(-sigma, m, x);
      optim::mix(1.0 - lambda, x, lambda, m);
    }
    return x;
  });
}

/// m takes in g first, then x = g - sigma m.
WrongGradient subtracts_the_coming_average(const Settings& settings) {
  return along([sigma = settings.number("sigma"), lambda = settings.number("lambda")](
                   const Tensor& g, Tensor& m) {
    Tensor x = g.clone();
    if (!m.defined())
      m = g.clone();
    else {
      optim::mix(1.0 - lambda, g, lambda, m);
      optim::add(-sigma, m, x);
    }
    return x;
  });
}

/// x = g - sigma m, then m takes in g: as it should.
WrongGradient right_friendly(const Settings& settings) {
  return along([sigma = settings.number("sigma"), lambda = settings.number("lambda")](
                   const Tensor& g, Tensor& m) {
    Tensor x = g.clone();
    if (!m.defined()) {
      m = g.clone();
      return x;
    }
    optim::add(-sigma, m, x);
    optim::mix(1.0 - lambda, g, lambda, m);
    return x;
  });
}

/// m = theta g on the first step, as if there had been zeros before.
WrongGradient starts_at_zero(const Settings& settings) {
  return along([theta = settings.number("theta")](const Tensor& g, Tensor& m) {
    if (!m.defined()) m = Tensor::zeros(g.shape(), g.dtype(), g.device());
    optim::mix(theta, g, 1.0 - theta, m);
    return m;
  });
}

}  // namespace

std::vector<Mutant> decomposition() {
  const std::string family = "decomposition";
  const std::vector<std::string> wrong_gradient = {"reference", "closed_form"};
  return {
      {family, "projection_the_wrong_way_round", "gsam splits the perturbed gradient by the clean",
       with_gradient("gsam", projection_the_wrong_way_round), wrong_gradient},
      {family, "gsam_widens_the_gap", "alpha has the wrong sign",
       with_number("gsam", "alpha", negative), wrong_gradient},
      {family, "gsam_radius_stands_still", "rho_t is rho at every rate",
       with_settings("gsam",
                     [](Settings& settings) { settings.set("rho_min", settings.text("rho")); }),
       wrong_gradient},
      {family, "sagm_turns_apart", "alpha has the wrong sign",
       with_gradient("sagm", [](const Settings& s) { return sagm_with_sign(1.0, s); }),
       wrong_gradient},
      {family, "gnp_swapped", "the weights of the two gradients are swapped",
       with_number("gnp", "alpha", complement), wrong_gradient},
      {family,
       "gnp_difference_form",
       "g + alpha (g_p - g) is not exact at alpha = 1",
       with_gradient("gnp", difference_form),
       {"identity"}},
      {family,
       "curvature_third_difference",
       "gamma has the wrong sign: nothing on a quadratic",
       with_number("curvature_sam", "gamma", negative),
       {"reference"}},
      {family, "curvature_first_difference", "beta has the wrong sign",
       with_number("curvature_sam", "beta", negative), wrong_gradient},
      {family,
       "fed_with_the_reduced_gradient",
       "friendly_sam's average takes in g - sigma m",
       with_gradient("friendly_sam", fed_with_the_reduced_gradient),
       {"reference"}},
      {family, "subtracts_the_coming_average", "friendly_sam's average takes in g too early",
       with_gradient("friendly_sam", subtracts_the_coming_average), wrong_gradient},
      {family,
       "friendly_average_not_saved",
       "a checkpoint lacks friendly_sam's average",
       forgetful("friendly_sam"),
       {"resume"}},
      {family, "theta_weighs_the_old", "vasso's theta is the share of the past",
       with_number("vasso", "theta", complement), wrong_gradient},
      {family, "vasso_starts_at_zero", "vasso's average starts at zero",
       with_gradient("vasso", starts_at_zero), wrong_gradient},
      {family, "sagm_as_it_should_be", "alpha has its sign",
       with_gradient("sagm", [](const Settings& s) { return sagm_with_sign(-1.0, s); }),
       wrong_gradient, true},
      {family, "friendly_as_it_should_be", "the average takes in g after use",
       with_gradient("friendly_sam", right_friendly), wrong_gradient, true},
  };
}

}  // namespace polder::mutants
