#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "polder/app/config.h"
#include "polder/app/files.h"

namespace polder::app {

/// A run on disk, held for one process:
///
///   config.toml                 the resolved configuration
///   metrics.jsonl               one JSON object a line, in order of the steps
///   checkpoints/step-N.safetensors, best.safetensors
///   result.json                 once the run is finished
///   report.html
class RunFolder {
 public:
  /// A new folder, or with `resume` one that holds a run of this configuration (length, place and
  /// machine aside). Throws Error when a run is there and `resume` is off, when it has another
  /// configuration, or when another process holds the folder. Changes nothing then.
  RunFolder(const Config& config, bool resume);

  const fs::path& path() const { return path_; }
  fs::path config() const { return path_ / "config.toml"; }
  fs::path metrics() const { return path_ / "metrics.jsonl"; }
  fs::path result() const { return path_ / "result.json"; }
  fs::path report() const { return path_ / "report.html"; }
  fs::path checkpoint(std::int64_t step) const;
  fs::path best_checkpoint() const { return path_ / "checkpoints" / "best.safetensors"; }

  /// Steps that have a checkpoint, newest first.
  std::vector<std::int64_t> checkpoint_steps() const;
  /// Removes all checkpoints but the newest two and the best.
  void drop_old_checkpoints() const;

 private:
  fs::path path_;
  FolderLock lock_;
};

/// Throws Error when RunFolder would refuse the folder for what it holds; makes nothing.
void require_usable_folder(const Config& config, bool resume);

/// The newest checkpoint of the run in a folder. Throws Error when it has none. Changes nothing.
fs::path newest_checkpoint(const fs::path& folder);

/// "runs/fashion_mnist-lenet-sam-seed1"
std::string default_folder(const Config& config);

}  // namespace polder::app
