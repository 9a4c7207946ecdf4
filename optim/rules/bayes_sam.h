#pragma once

#include <string>
#include <vector>

#include "polder/optim/rule.h"

namespace polder::optim {

/// bSAM: sam as a relaxed form of variational Bayes. A precision s for each weight shapes noise,
/// ascent and step. Möllenhoff, Khan, ICLR 2023, arXiv 2210.01620, algorithm 1.
///
///   M = samples x data_factor;  delta = prior_precision / M
///   for each shard S_j of the batch:
///     theta_j ~ N(w, 1 / (M s));   g_j = grad L_{S_j}(theta_j)
///     e_j = grad L_{S_j}(w + rho g_j / s), not normalised
///   m <- b1 m + (1 - b1) (mean_j e_j + delta w)
///   w <- w - eta m / s
///   s <- b2 s + (1 - b2) (sqrt(s) o mean_j |g_j| + gamma + delta)      the old s throughout
///
/// rho 0.01, b1 0.9, b2 0.999, gamma 0.1, prior_precision 40, data_factor 4 (augmentation), 8
/// shards, s = 1 at start; eta 0.5 (the authors' code). It replaces the base optimizer and takes
/// only its learning rate: its momentum and weight decay have no part. 2 gradient evaluations a
/// step; state: m, s; scratch: 2.
class BayesSam final : public DrivingRule {
 public:
  struct Options {
    double rho = 0.01;
    double b1 = 0.9, b2 = 0.999;
    double gamma = 0.1;             // keeps the precision away from 0
    double prior_precision = 40.0;  // of the weights, around 0
    double data_factor = 4.0;       // how many samples one sample stands for
    std::int64_t shards = 8;
    bool noise = true;  // false: theta_j = w
  };

  /// Throws Error when a number is out of range, or s would fall to 0.
  explicit BayesSam(const Options& options, Device device = kCpu);
  /// Throws Error when the objective does not know its training samples.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  /// Throws Error when the batch has fewer rows than shards.
  StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                  Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  StepReport look(Objective& objective, const Batch& batch, Tensor& g);
  void draw_noise(Objective& objective, std::int64_t shard);
  void update(nn::ParameterArena& arena, const Tensor& rate, const Tensor& g);

  Options options_;
  Tensor rho_;
  std::vector<std::string> streams_;    // of the noise, by shard
  double samples_ = 1.0, delta_ = 0.0;  // M; prior_precision / M
  Tensor m_, s_;                        // the padding of s is positive too
  Tensor x_;                            // noise, then g_j, then g_j / s; then m / s
  Tensor size_;                         // mean_j |g_j|
};

RuleEntry bayes_sam_entry();

}  // namespace polder::optim
