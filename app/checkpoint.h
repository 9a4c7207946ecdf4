#pragma once

#include <functional>
#include <string>

#include "polder/app/files.h"
#include "polder/core/state.h"

namespace polder::app {

/// Whose state a checkpoint holds: a checkpoint fits only a run of the same description.
struct CheckpointIdentity {
  std::string model;     // architecture, every tensor's name and shape
  std::string training;  // rule, base optimizer, data
};

/// Lists everything to remember; the same function saves and loads.
using StateLister = std::function<void(StateVisitor&)>;

/// Writes the listed state as one safetensors file, atomically: numbers as 0-d tensors, and in the
/// metadata the identity and a checksum of everything. Throws Error naming the file and the reason;
/// whatever was at `path` before is then still there.
void save_checkpoint(const fs::path& path, const CheckpointIdentity& identity,
                     const StateLister& list);

/// Overwrites the listed state with the file's. Throws Error when the file cannot be read, is
/// damaged, is of another model or training, or lacks or adds a name; a damaged or foreign file is
/// found out before anything is overwritten.
void load_checkpoint(const fs::path& path, const CheckpointIdentity& identity,
                     const StateLister& list);

/// Puts `prefix` before every name.
class PrefixVisitor final : public StateVisitor {
 public:
  PrefixVisitor(StateVisitor& visitor, std::string prefix)
      : visitor_(visitor), prefix_(std::move(prefix)) {}
  void visit(const std::string& name, Tensor& tensor) override;
  void visit(const std::string& name, double& value) override;
  void visit(const std::string& name, std::int64_t& value) override;
  void visit(const std::string& name, std::vector<double>& values) override;

 private:
  StateVisitor& visitor_;
  std::string prefix_;
};

}  // namespace polder::app
