#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "polder/kernels/backend.h"
#include "polder/nn/module.h"

namespace polder::nn {

/// One tensor of weights inside the arena.
struct Segment {
  std::string name;
  SegmentKind kind = SegmentKind::weight;
  std::int64_t offset = 0;  // first element in the flat arrays; a multiple of kSegmentAlignment
  Shape shape;
  Variable variable;  // the leaf that layers read
};

/// Elements between segment starts are padded with zeros up to this multiple (64 bytes of float32).
inline constexpr std::int64_t kSegmentAlignment = 16;

/// All weights of a model in one flat tensor, all gradients in another, and a table of segments.
///
/// The twin buffer. Weights live in two equal buffers: *home* (clean) and *twin* (shifted). A
/// perturbation writes w + epsilon into the twin and makes it the active one; coming home makes the
/// clean one active again. Nothing is added and then subtracted, so w returns bit for bit.
/// Evaluation and checkpoints read home. Padding is zero in every flat tensor and stays so.
class ParameterArena {
 public:
  /// Moves the parameters of `module` into flat storage and points its variables there.
  /// The module's variables are switched with the active buffer. One arena at a time per module,
  /// nested ones included. Throws Error when a part of the module already lives in an arena, when
  /// it has no parameters, or when they mix element types or devices.
  explicit ParameterArena(Module& module);
  /// An arena without a model, for objectives that are plain formulas: named initial values.
  explicit ParameterArena(const std::vector<std::pair<std::string, Tensor>>& weights);
  ParameterArena(const ParameterArena&) = delete;
  ParameterArena& operator=(const ParameterArena&) = delete;

  const std::vector<Segment>& segments() const { return segments_; }
  /// The segment table as the flat kernels read it; weights, norm scales and embeddings adaptive.
  const kernels::Segments& table() const { return table_; }
  /// Number of weights, padding not counted.
  std::int64_t weight_count() const { return weight_count_; }
  /// Length of the flat tensors, padding included.
  std::int64_t flat_size() const { return home_.numel(); }
  DType dtype() const { return home_.dtype(); }
  Device device() const { return home_.device(); }

  Tensor& home() { return home_; }
  Tensor& twin() { return twin_; }
  const Tensor& home() const { return home_; }
  const Tensor& active() const { return active_; }
  bool at_home() const { return active_.shares_memory_with(home_); }
  bool at_twin() const { return active_.shares_memory_with(twin_); }

  void activate_twin() { activate(twin_); }
  void activate_home() { activate(home_); }
  /// Layers read `flat` (in the arena's layout) from now on: the twin, averaged weights. Records
  /// made at home are valid again after coming home.
  void activate(const Tensor& flat);

  /// A flat tensor of zeros with the arena's layout: gradients, momenta, directions.
  Tensor make_flat() const;
  /// The part of a flat tensor that belongs to a segment, in its shape; shares memory.
  Tensor part(const Tensor& flat, const Segment& segment) const;
  /// Leaves in segment order.
  std::vector<Variable> variables() const;

 private:
  void adopt(const std::vector<Parameter>& parameters);
  void bind(const Tensor& buffer);

  std::vector<Segment> segments_;
  kernels::Segments table_;
  std::int64_t weight_count_ = 0;
  Tensor home_, twin_, active_;
  std::vector<Variable::Binding> home_bindings_;
  std::shared_ptr<const void> claim_ = std::make_shared<char>();  // tells modules we are alive
};

}  // namespace polder::nn
