// Two ways out of a sharp minimum: none for SGD, one for SAM.
//
// The valley (data/synthetic.h) has two minima of equal depth, a sharp one at x = -1 and a flat one
// at x = +1. Both optimizers start in the sharp one and meet the same gradient noise. The example
// also shows how to write an Objective for a problem that is a formula instead of a model.

#include <cstdio>
#include <span>
#include <vector>

#include "polder/polder.h"

using namespace polder;

namespace {

/// The mean of l(w) = L(w) + <noise, w> over the rows of a batch.
class ValleyObjective final : public optim::Objective {
 public:
  ValleyObjective(const data::Valley& valley, nn::ParameterArena& arena)
      : Objective(arena), valley_(valley) {}

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    Tensor losses = per_sample_losses(rows, plan), seeds = seeds_of(losses);
    std::vector<double> gradient(point().size());
    for (std::int64_t row = 0; row < rows.size(); ++row) {
      data::valley_gradient(valley_, point(), mean_noise(rows.slice(row, row + 1)), gradient);
      for (std::size_t i = 0; i < gradient.size(); ++i)
        g.data<double>()[i] += seeds.data<double>()[row] * gradient[i];
    }
    return losses;
  }

  Tensor per_sample_losses(const Batch& rows, PassPlan) override {
    std::vector<double> losses;
    for (std::int64_t i = 0; i < rows.size(); ++i)
      losses.push_back(data::valley_loss(valley_, point(), mean_noise(rows.slice(i, i + 1))));
    return Tensor::from(losses, {rows.size()});
  }

  void add_hessian_product(const Batch&, double weight, PassPlan, const Tensor& v,
                           Tensor& out) override {
    std::vector<double> product(point().size());
    data::valley_hessian_product(valley_, point(), {v.data<double>(), product.size()}, product);
    for (std::size_t i = 0; i < product.size(); ++i) out.data<double>()[i] += weight * product[i];
  }

 private:
  std::span<const double> point() {
    return {arena().active().data<double>(), static_cast<std::size_t>(valley_.dimension)};
  }

  std::vector<float> mean_noise(const Batch& rows) const {
    std::vector<float> mean(static_cast<std::size_t>(valley_.dimension));
    const float* noise = rows.inputs.data<float>();
    for (std::int64_t i = 0; i < rows.inputs.numel(); ++i)
      mean[static_cast<std::size_t>(i % valley_.dimension)] +=
          noise[i] / static_cast<float>(rows.size());
    return mean;
  }

  data::Valley valley_;
};

/// Trains from the sharp minimum; returns where it ends along the valley, averaged over the last
/// steps.
double travel(const data::Valley& valley, double rho) {
  const auto samples = data::valley_samples(valley, 512, 1.0, 7);
  data::Loader loader(samples, data::all_indices(samples), {.batch_size = 16, .seed = 7});
  nn::ParameterArena arena({{"w", Tensor::from<double>({-1.0, 0.0}, {2})}});
  ValleyObjective objective(valley, arena);
  optim::Sgd sgd(arena, {.momentum = 0.0});
  sgd.set_rate(0.01);
  optim::Sam sam(rho);
  optim::TrainingStep step(objective, sam, sgd);
  double tail = 0.0;
  constexpr int kSteps = 8000, kTail = 500;
  for (int t = 0; t < kSteps; ++t) {
    step.run(loader.next(), t);
    if (t >= kSteps - kTail) tail += arena.home().data<double>()[0] / kTail;
  }
  return tail;
}

}  // namespace

int main() {
  const data::Valley valley;
  const double enough = valley.escape_radius();
  std::printf("sharp minimum at x = -1 (curvature %g), flat one at x = +1 (curvature %g)\n",
              valley.sharp, valley.flat);
  std::printf("escape radius %.3f\n\n", enough);
  const double sgd = travel(valley, 0.0);
  const double timid = travel(valley, enough / 5);
  const double sam = travel(valley, 2 * enough);
  std::printf("SGD                   ends at x = %+.2f\n", sgd);
  std::printf("SAM with rho = %.3f  ends at x = %+.2f\n", enough / 5, timid);
  std::printf("SAM with rho = %.3f  ends at x = %+.2f\n", 2 * enough, sam);
  return sgd < -0.8 && timid < -0.8 && sam > 0.8 ? 0 : 1;
}
