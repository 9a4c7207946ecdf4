#include "polder/optim/snapshot.h"

#include <fmt/format.h>

namespace polder::optim {

Snapshot Snapshot::of(Objective& objective) {
  Snapshot snapshot{objective.arena().home().clone(), {}};
  for (const nn::NamedTensor& buffer : objective.buffers())
    snapshot.buffers.push_back(buffer.tensor.clone());
  return snapshot;
}

void Snapshot::average(double beta, Objective& objective) {
  const auto average_into = [beta](const Tensor& now, Tensor& kept) {
    kernels::backend_of(kept).axpby(1.0 - beta, now, beta, kept);
  };
  average_into(objective.arena().home(), weights);
  const std::vector<nn::NamedTensor> now = objective.buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) average_into(now[i].tensor, buffers[i]);
}

void Snapshot::visit_state(StateVisitor& visitor, const std::string& name) {
  visitor.visit(name, weights);
  for (std::size_t i = 0; i < buffers.size(); ++i)
    visitor.visit(fmt::format("{}/buffer{}", name, i), buffers[i]);
}

AtSnapshot::AtSnapshot(Objective& objective, Snapshot& snapshot)
    : objective_(objective), snapshot_(snapshot) {
  require(objective.arena().at_home(),
          "AtSnapshot: the weights are away from home, end the excursion first");
  objective_.arena().activate(snapshot_.weights);
  swap_buffers();
}

AtSnapshot::~AtSnapshot() {
  swap_buffers();
  objective_.arena().activate_home();
}

void AtSnapshot::swap_buffers() {
  const std::vector<nn::NamedTensor> now = objective_.buffers();
  for (std::size_t i = 0; i < now.size(); ++i) {
    const Tensor kept = now[i].tensor.clone();
    now[i].tensor.copy_from(snapshot_.buffers[i]);
    snapshot_.buffers[i].copy_from(kept);
  }
}

}  // namespace polder::optim
