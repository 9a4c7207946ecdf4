#include "polder/verify/closed_forms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "polder/core/random.h"
#include "polder/optim/sgd.h"
#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

constexpr std::int64_t kSize = 9, kRows = 7;
constexpr double kRateMin = 0.01, kRateMax = 0.1, kRate = 0.04;

Vector times(double scale, const Vector& x) { return plus(scale - 1.0, x, x); }

/// w + rho dir(x)
Vector ascended(const Vector& w, double rho, const Vector& x) { return plus(rho / norm(x), x, w); }

/// x - <x, y> / ||y||^2 y
Vector perpendicular(const Vector& x, const Vector& y) {
  return plus(-inner(x, y) / inner(y, y), y, x);
}

/// g and g_p of sam at radius rho.
struct Gradients {
  Vector clean, perturbed;
};
Gradients sam_gradients(const Quadratic& mean, const Vector& w, double rho) {
  Vector g = mean.gradient(w);
  Vector there = mean.gradient(ascended(w, rho, g));
  return {std::move(g), std::move(there)};
}
Gradients sam_gradients(const Scene& scene, int t) {
  return sam_gradients(scene.mean[t], scene.w, scene.number("rho"));
}

/// grad L(w + rho T T g / ||T g||), T = |w| + xi.
Vector asam(const Scene& scene, int t) {
  const Vector g = scene.mean[t].gradient(scene.w);
  Vector stretched = g, along = g;
  for (std::size_t i = 0; i < g.size(); ++i) {
    const double stretch = std::abs(scene.w[i]) + scene.number("xi");
    stretched[i] *= stretch;
    along[i] *= stretch * stretch;
  }
  return scene.mean[t].gradient(plus(scene.number("rho") / norm(stretched), along, scene.w));
}

/// sum_j |S_j| / |B| grad L_{S_j}(w + rho dir(grad L_{S_j}(w)))
Vector m_sharp_sam(const Scene& scene, int t) {
  const std::int64_t m = scene.settings.integer("m");
  Vector mean(scene.w.size(), 0.0);
  for (std::int64_t j = 0; j < m; ++j) {
    const Batch shard = scene.rows[t].slice(j * kRows / m, (j + 1) * kRows / m);
    const Vector there = sam_gradients(quadratic_of(shard), scene.w, scene.number("rho")).perturbed;
    mean = plus(static_cast<double>(shard.size()) / static_cast<double>(kRows), there, mean);
  }
  return mean;
}

/// f = 1 / (1 + eta g g), epsilon = rho f g / sqrt(<g, f g>)
Vector fisher_sam(const Scene& scene, int t) {
  const Vector g = scene.mean[t].gradient(scene.w);
  Vector scaled = g;
  for (double& x : scaled) x /= 1.0 + scene.number("eta") * x * x;
  const double length = std::sqrt(inner(g, scaled));
  return scene.mean[t].gradient(plus(scene.number("rho") / length, scaled, scene.w));
}

/// g_p - alpha perp(g; g_p) at rho_t = rho_min + (rho - rho_min) rise
Vector gsam(const Scene& scene, int t) {
  const double low = scene.number("rho_min");
  const double rho = low + (scene.number("rho") - low) * scene.rise;
  const auto [g, there] = sam_gradients(scene.mean[t], scene.w, rho);
  return plus(-scene.number("alpha"), perpendicular(g, there), there);
}

/// g / 2 + g_p / 2 at epsilon = (rho / ||g|| - alpha) g
Vector sagm(const Scene& scene, int t) {
  const Vector g = scene.mean[t].gradient(scene.w);
  const double scale = scene.number("rho") / norm(g) - scene.number("alpha");
  return times(0.5, plus(1.0, g, scene.mean[t].gradient(plus(scale, g, scene.w))));
}

/// (1 - alpha) g + alpha g_p
Vector gnp(const Scene& scene, int t) {
  const auto [g, there] = sam_gradients(scene, t);
  return plus(scene.number("alpha"), there, times(1.0 - scene.number("alpha"), g));
}

/// g+ + beta (g+ - g-): on a quadratic g+ + g- = 2 g0
Vector curvature_sam(const Scene& scene, int t) {
  const Vector g = scene.mean[t].gradient(scene.w);
  const Vector above = scene.mean[t].gradient(ascended(scene.w, scene.number("rho"), g));
  const Vector rise = plus(-1.0, g, above);  // H epsilon
  return plus(2.0 * scene.number("beta"), rise, above);
}

/// Refresh: g_p. Reuse: g + alpha ||g|| dir(perp(g_p; g) of the refresh).
Vector look_sam(const Scene& scene, int t) {
  const auto [g, there] = sam_gradients(scene, 0);
  if (t == 0) return there;
  const Vector across = perpendicular(there, g), now = scene.mean[1].gradient(scene.w);
  return plus(scene.number("alpha") * norm(now) / norm(across), across, now);
}

/// x = g - sigma m, m the gradient of the step before.
Vector friendly_sam(const Scene& scene, int t) {
  Vector x = scene.mean[t].gradient(scene.w);
  if (t == 1) x = plus(-scene.number("sigma"), scene.mean[0].gradient(scene.w), x);
  return scene.mean[t].gradient(ascended(scene.w, scene.number("rho"), x));
}

/// m = (1 - theta) m + theta g
Vector vasso(const Scene& scene, int t) {
  Vector m = scene.mean[0].gradient(scene.w);
  const double theta = scene.number("theta");
  if (t == 1) m = plus(theta, scene.mean[1].gradient(scene.w), times(1.0 - theta, m));
  return scene.mean[t].gradient(ascended(scene.w, scene.number("rho"), m));
}

/// Rows of largest score, as a quadratic.
Quadratic largest_rows(const Batch& rows, const Vector& scores, double fraction) {
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    return scores[static_cast<std::size_t>(i)] > scores[static_cast<std::size_t>(j)];
  });
  const auto kept = static_cast<std::size_t>(fraction * static_cast<double>(scores.size()));
  Quadratic mean{Vector(kSize * kSize, 0.0), Vector(kSize, 0.0)};
  for (std::size_t i = 0; i < kept; ++i) {
    const Quadratic one = quadratic_of(rows.slice(order[i], order[i] + 1));
    mean.a = plus(1.0 / static_cast<double>(kept), one.a, mean.a);
    mean.b = plus(1.0 / static_cast<double>(kept), one.b, mean.b);
  }
  return mean;
}

Vector sample_losses(const Batch& rows, const Vector& w) {
  Vector losses;
  for (std::int64_t i = 0; i < kRows; ++i)
    losses.push_back(quadratic_of(rows.slice(i, i + 1)).value(w));
  return losses;
}

/// sam on the rows of largest loss
Vector k_sam(const Scene& scene, int t) {
  const Quadratic hardest =
      largest_rows(scene.rows[t], sample_losses(scene.rows[t], scene.w), scene.number("fraction"));
  return sam_gradients(hardest, scene.w, scene.number("rho")).perturbed;
}

/// beta = 1: grad L(w + epsilon) of the rows whose loss rose most
Vector esam(const Scene& scene, int t) {
  const Vector there = ascended(scene.w, scene.number("rho"), scene.mean[t].gradient(scene.w));
  const Vector rise =
      plus(-1.0, sample_losses(scene.rows[t], scene.w), sample_losses(scene.rows[t], there));
  return largest_rows(scene.rows[t], rise, scene.number("gamma")).gradient(there);
}

/// h+ - gamma perp(h-; h+), each a mixture over the points w, g1, w2, g3
Vector gam(const Scene& scene, int t) {
  const Quadratic& mean = scene.mean[t];
  const double reach = scene.number("rho_gradient"), a = scene.number("a"), b = scene.number("b");
  const Vector g0 = mean.gradient(scene.w), g1 = mean.gradient(ascended(scene.w, reach, g0));
  const Vector w2 = ascended(scene.w, scene.number("rho"), plus(-1.0, g0, g1));
  const Vector g2 = mean.gradient(w2), g3 = mean.gradient(ascended(w2, reach, g2));
  const Vector above = plus(1.0 - a, g3, times(a, g1)), below = plus(1.0 - b, g2, times(b, g0));
  return plus(-scene.number("gamma"), perpendicular(below, above), above);
}

const std::map<std::string, ClosedForm>& closed_forms() {
  static const std::map<std::string, ClosedForm> forms = {
      {"none", {{}, [](const Scene& scene, int t) { return scene.mean[t].gradient(scene.w); }}},
      {"sam", {{}, [](const Scene& scene, int t) { return sam_gradients(scene, t).perturbed; }}},
      {"asam", {{}, asam}},
      {"m_sharp_sam", {{}, m_sharp_sam}},
      {"fisher_sam", {{}, fisher_sam}},
      {"gsam", {{}, gsam}},
      {"sagm", {{}, sagm}},
      {"gnp", {{}, gnp}},
      {"gam", {{}, gam}},
      {"curvature_sam", {{}, curvature_sam}},
      {"look_sam", {{}, look_sam}},
      {"friendly_sam", {{}, friendly_sam}},
      {"vasso", {{}, vasso}},
      {"k_sam", {{}, k_sam}},
      {"esam", {{{"beta", "1"}}, esam}}};
  return forms;
}

Scene make_scene(const optim::Settings& settings, std::uint64_t seed, Device device) {
  Scene scene;
  for (const int t : {0, 1}) {
    scene.rows[t] = quadratic_batch(kRows, kSize, seed, "step " + std::to_string(t), device);
    scene.mean[t] = quadratic_of(scene.rows[t]);
  }
  for (std::int64_t i = 0; i < kSize; ++i)
    scene.w.push_back(normal(random_key(seed, "w"), static_cast<std::uint64_t>(i)));
  scene.settings = settings;
  scene.rise = (kRate - kRateMin) / (kRateMax - kRateMin);
  return scene;
}

}  // namespace

const ClosedForm* closed_form_of(const std::string& rule) {
  const auto found = closed_forms().find(rule);
  return found == closed_forms().end() ? nullptr : &found->second;
}

double distance_to_closed_form(const optim::RuleEntry& entry, const ClosedForm& form,
                               std::uint64_t seed, Device device) {
  optim::Settings settings = optim::complete(entry, trial_of(entry));
  for (const auto& [name, value] : form.settings) settings.set(name, value);
  const Scene scene = make_scene(settings, seed, device);
  nn::ParameterArena arena(quadratic_weights(scene.w, device));
  QuadraticObjective objective(arena);
  objective.set_course(
      {.steps = 10, .steps_per_epoch = 2, .rate_min = kRateMin, .rate_max = kRateMax});
  const optim::Sgd base(arena);
  const auto rule = entry.make(settings, arena);
  rule->prepare(objective, base);
  double largest = 0.0;
  for (const int t : {0, 1}) {
    objective.begin_step(t, kRows, Tensor::scalar(kRate, device));
    Tensor g = arena.make_flat();
    rule->gradient(objective, scene.rows[t], g);
    largest = std::max(largest, distance(dense(arena, g), form.gradient(scene, t)));
  }
  return largest;
}

}  // namespace polder::verify
