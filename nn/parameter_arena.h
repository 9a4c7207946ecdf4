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

/// The type in which layers read the weights: the arena's own, or bfloat16.
enum class Compute : std::uint8_t { own, bfloat16 };

/// All weights of a model in one flat tensor, all gradients in another, and a table of segments.
///
/// The twin buffer. Weights live in two equal buffers: *home* (clean) and *twin* (shifted). A
/// perturbation writes w + epsilon into the twin and makes it the active one; coming home makes the
/// clean one active again. Nothing is added and then subtracted, so w returns bit for bit.
/// Evaluation and checkpoints read home. Padding is zero in every flat tensor and stays so.
///
/// The copies. With Compute::bfloat16 home and twin each have a copy in bfloat16, rounded to
/// nearest even, and layers read weights, biases and embeddings there; scales and shifts of
/// normalisations stay float32. The kernels that write float32 weights write the copy in the same
/// pass. Gradients and every flat tensor are float32.
class ParameterArena {
 public:
  /// Moves the parameters of `module` into flat storage and points its variables there.
  /// The module's variables are switched with the active buffer. One arena at a time per module,
  /// nested ones included. Throws Error when a part of the module already lives in an arena, when
  /// it has no parameters, or when they mix element types or devices.
  /// A copy also wants float32 parameters.
  explicit ParameterArena(Module& module, Compute compute = Compute::own);
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
  const Tensor& twin() const { return twin_; }
  const Tensor& home() const { return home_; }
  const Tensor& active() const { return active_; }
  bool at_home() const { return active_.shares_memory_with(home_); }
  bool at_twin() const { return active_.shares_memory_with(twin_); }

  /// The bfloat16 copies of home and twin; undefined without. Who writes weights writes their copy.
  const Tensor& home_copy() const { return home_copy_; }
  const Tensor& twin_copy() const { return twin_copy_; }
  /// Rounds a copy anew, for who wrote weights alone: 6 bytes a weight. Nothing without copies.
  void refresh_home_copy() { refresh(home_, home_copy_); }
  void refresh_twin_copy() { refresh(twin_, twin_copy_); }
  /// The type of the weights that layers read now, and so of their activations.
  DType compute_type() const { return reads_copies() ? DType::bfloat16 : dtype(); }

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
  friend class OwnPrecision;

  bool reads_copies() const { return home_copy_.defined() && !own_precision_; }
  void add_copies();
  void bind_active();
  std::vector<Variable::Binding> bindings() const;
  static void refresh(const Tensor& weights, Tensor& copy);
  void adopt(const std::vector<Parameter>& parameters);
  std::vector<Segment> segments_;
  kernels::Segments table_;
  std::int64_t weight_count_ = 0;
  Tensor home_, twin_, active_;
  Tensor home_copy_, twin_copy_, other_copy_;  // the last of what is neither home nor twin
  bool own_precision_ = false;
  std::vector<Variable::Binding> home_bindings_, own_home_bindings_;
  std::shared_ptr<const void> claim_ = std::make_shared<char>();  // tells modules we are alive
};

/// While it lives, layers of an arena with copies read the weights themselves: passes run in
/// float32 wherever the arena stands. Nothing changes for an arena without copies.
class OwnPrecision {
 public:
  explicit OwnPrecision(ParameterArena& arena, bool wanted = true);
  ~OwnPrecision();
  OwnPrecision(const OwnPrecision&) = delete;
  OwnPrecision& operator=(const OwnPrecision&) = delete;

 private:
  ParameterArena& arena_;
  bool before_;
};

}  // namespace polder::nn
