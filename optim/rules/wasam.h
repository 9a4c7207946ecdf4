#pragma once

#include <memory>

#include "polder/optim/rule.h"
#include "polder/optim/snapshot.h"

namespace polder::optim {

struct RuleEntry;
class RuleRegistry;

/// Weight averaging over a rule: evaluate the mean of the weights of the late epochs. Kaddour, Liu,
/// Silva, Kusner, NeurIPS 2022, arXiv 2202.00661.
///
///   training: the wrapped rule's, bit for bit
///   at the end of each epoch e >= floor(start E):  avg <- n/(n+1) avg + 1/(n+1) w;  n <- n + 1
///
/// `averaged` gives avg with running statistics of its own: one pass over the training samples,
/// without augmentation, in as many batches as an epoch has steps, with momentum b / (n + b) for a
/// batch of b rows after n. It moves nothing that training sees, the work count included. The first
/// average is w; before it, w is evaluated. The last step of training closes its epoch.
///
/// start 0.75, over sam with rho 0.05 (the authors' code). Cost: the wrapped rule's, and one epoch
/// of forward passes an evaluation of a model with running statistics. State: avg.
class Wasam final : public Rule {
 public:
  /// Throws Error without a rule, or unless start is in [0, 1).
  Wasam(std::unique_ptr<Rule> wrapped, double start);
  /// Throws Error when the objective does not know its course, or the model has running statistics
  /// and the objective does not know its training samples.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void after_update(Objective& objective, const Batch& batch, const BaseOptimizer& base,
                    const Tensor& g, const Clipping& clipping) override;
  StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                  Tensor& g) override;
  Snapshot* averaged(Objective& objective) override;
  /// None where an epoch is averaged: its weight is a number of the host.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  /// Without the average's statistics: they are estimated when they are wanted.
  void visit_state(StateVisitor& visitor) override;

  Rule& wrapped() { return *wrapped_; }
  const Rule& wrapped() const { return *wrapped_; }

 private:
  bool closes_an_averaged_epoch(std::int64_t step) const;
  void take_in_weights(Objective& objective);
  void estimate_statistics(Objective& objective);

  std::unique_ptr<Rule> wrapped_;
  double start_;
  Course course_;
  std::int64_t first_epoch_ = 0;
  std::int64_t count_ = 0;  // n
  Snapshot average_;        // avg
};

/// wasam, over sam.
RuleEntry wasam_entry();
/// Adds wasam_<name>, unlisted, for every rule that the registry knows.
void add_wasam(RuleRegistry& registry);

}  // namespace polder::optim
