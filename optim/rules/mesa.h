#pragma once

#include "polder/optim/rule.h"
#include "polder/optim/snapshot.h"

namespace polder::optim {

/// Memory-efficient sharpness-aware training: saf with the recorded outputs replaced by those of a
/// moving average of the weights. Du et al., NeurIPS 2022, arXiv 2205.14083, section 3.3.
///
///   L = L_B(w) + lambda tau^2 (1/|B|) sum_i KL(softmax(y_i / tau) || softmax(z_i / tau))
///   y_i = f(x_i; v), a constant;  z_i = f(x_i; w)
///   after the step:  v <- beta v + (1 - beta) w, over weights and running statistics
///
/// The term is there from epoch start_epoch + 1 on; before, plain training that averages. v starts
/// as w. Teacher::eval (default) reads v's running statistics and no masks; Teacher::train
/// normalises with the batch and replays the step's masks.
///
/// lambda 0.8, tau 5, start_epoch 5 (the paper), beta 0.9998 (the authors' code). 1 gradient
/// evaluation and 1 forward pass a step; state: v. Reported losses include the term.
class Mesa final : public Rule {
 public:
  enum class Teacher { eval, train };
  struct Options {
    double tau = 5.0;
    double lambda = 0.8;
    double beta = 0.9998;
    std::int64_t start_epoch = 5;  // last epoch without the term; -1: it is there from the start
    Teacher teacher = Teacher::eval;
  };

  /// Throws Error unless tau > 0, lambda >= 0, beta in [0, 1] and start_epoch >= -1.
  explicit Mesa(const Options& options);
  /// Takes w as teacher. Throws Error when the objective does not know its course.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void after_update(Objective& objective, const Batch& batch, const BaseOptimizer& base,
                    const Tensor& g, const Clipping& clipping) override;
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

 private:
  bool has_term(std::int64_t step) const { return step / steps_per_epoch_ > options_.start_epoch; }
  Tensor teach(Objective& objective, const Batch& rows);

  Options options_;
  std::int64_t steps_per_epoch_ = 1;
  Snapshot teacher_;  // v
};

RuleEntry mesa_entry();

}  // namespace polder::optim
