#include "polder/app/checkpoint.h"

#include <algorithm>
#include <set>

#include "polder/app/safetensors.h"
#include "polder/core/allocator.h"

namespace polder::app {
namespace {

constexpr std::string_view kFormat = "polder checkpoint 1";

/// 64-bit FNV-1a over bytes.
class Checksum {
 public:
  void add(const void* data, std::size_t bytes) {
    const auto* byte = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ byte[i]) * 0x100000001B3ULL;
  }
  /// The text and its length, so that two neighbours cannot trade letters.
  void add(std::string_view text) {
    const std::uint64_t length = text.size();
    add(&length, sizeof length);
    add(text.data(), text.size());
  }
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

std::string checksum_of(const Safetensors& contents) {
  std::vector<const Safetensors::Entry*> by_name;
  for (const auto& entry : contents.tensors) by_name.push_back(&entry);
  std::sort(by_name.begin(), by_name.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  Checksum sum;
  for (const auto& [key, value] : contents.metadata) {
    if (key == "checksum") continue;
    sum.add(key);
    sum.add(value);
  }
  for (const auto* entry : by_name) {
    sum.add(entry->name);
    sum.add(to_string(entry->tensor.dtype()));
    sum.add(to_string(entry->tensor.shape()));
    sum.add(entry->tensor.raw(), entry->tensor.bytes());
  }
  return sum.text();
}

Tensor on_host(const Tensor& tensor) {
  Tensor copy = Tensor::empty(tensor.shape(), tensor.dtype());
  allocator_of(tensor.device()).copy_to_host(copy.raw(), tensor.raw(), tensor.bytes());
  return copy;
}

/// What an undefined tensor (state that a step has yet to create) looks like in the file.
Tensor nothing() { return Tensor::zeros({0}, DType::int64); }
bool is_nothing(const Tensor& tensor) {
  return tensor.dtype() == DType::int64 && tensor.shape() == Shape{0};
}

class Saver final : public StateVisitor {
 public:
  void visit(const std::string& name, Tensor& tensor) override {
    add(name, tensor.defined() ? on_host(tensor) : nothing());
  }
  void visit(const std::string& name, double& value) override { add(name, Tensor::scalar(value)); }
  void visit(const std::string& name, std::int64_t& value) override {
    add(name, Tensor::scalar(value));
  }
  void visit(const std::string& name, std::vector<double>& values) override {
    add(name, Tensor::from(values, {static_cast<std::int64_t>(values.size())}));
  }

  Safetensors contents;

 private:
  void add(const std::string& name, Tensor tensor) {
    contents.tensors.push_back({name, std::move(tensor)});
  }
};

/// Walks the list against the file. A first walk checks names, types and shapes and writes nothing;
/// a second one overwrites.
class Loader final : public StateVisitor {
 public:
  Loader(const Safetensors& contents, const std::string& source, bool overwrite)
      : contents_(contents), source_(source), overwrite_(overwrite) {}

  void visit(const std::string& name, Tensor& tensor) override {
    const Tensor found = find(name);
    if (is_nothing(found)) {
      if (overwrite_) tensor = {};
      return;
    }
    if (tensor.defined()) require_like(name, found, tensor.dtype(), tensor.shape());
    if (!overwrite_) return;
    if (!tensor.defined()) tensor = Tensor::empty(found.shape(), found.dtype());
    allocator_of(tensor.device()).copy_from_host(tensor.raw(), found.raw(), found.bytes());
  }
  void visit(const std::string& name, double& value) override {
    const Tensor found = find(name);
    require_like(name, found, DType::float64, {});
    if (overwrite_) value = found.to_vector<double>()[0];
  }
  void visit(const std::string& name, std::int64_t& value) override {
    const Tensor found = find(name);
    require_like(name, found, DType::int64, {});
    if (overwrite_) value = found.to_vector<std::int64_t>()[0];
  }
  void visit(const std::string& name, std::vector<double>& values) override {
    const Tensor found = find(name);
    require_like(name, found, DType::float64, {found.numel()});
    if (overwrite_) values = found.to_vector<double>();
  }

  void require_all_used() const {
    for (const auto& entry : contents_.tensors)
      require(used_.contains(entry.name), "checkpoint: {} holds {}, which this run does not have",
              source_, entry.name);
  }

 private:
  Tensor find(const std::string& name) {
    Tensor found = contents_.find(name);
    require(found.defined(), "checkpoint: {} lacks {}", source_, name);
    used_.insert(name);
    return found;
  }
  void require_like(const std::string& name, const Tensor& found, DType dtype,
                    const Shape& shape) const {
    require(found.dtype() == dtype && found.shape() == shape,
            "checkpoint: {}: {} is {} {}, wanted {} {}", source_, name, found.dtype(),
            found.shape(), dtype, shape);
  }

  const Safetensors& contents_;
  const std::string& source_;
  bool overwrite_;
  std::set<std::string> used_;
};

std::string metadata_of(const Safetensors& contents, const std::string& key) {
  const auto found = contents.metadata.find(key);
  return found == contents.metadata.end() ? "" : found->second;
}

Safetensors read_intact(const fs::path& path) {
  Safetensors contents = from_safetensors(read_file(path), path.string());
  require(metadata_of(contents, "format") == kFormat,
          "checkpoint: {} is not a checkpoint of polder ({})", path.string(), kFormat);
  require(metadata_of(contents, "checksum") == checksum_of(contents),
          "checkpoint: {} is damaged: its checksum does not fit its contents", path.string());
  return contents;
}

void require_same(const fs::path& path, std::string_view what, const std::string& found,
                  const std::string& wanted) {
  require(found == wanted, "checkpoint: {} is of another {}: found {}, wanted {}", path.string(),
          what, found, wanted);
}

}  // namespace

void save_checkpoint(const fs::path& path, const CheckpointIdentity& identity,
                     const StateLister& list) {
  Saver saver;
  list(saver);
  auto& metadata = saver.contents.metadata;
  metadata = {
      {"format", std::string(kFormat)}, {"model", identity.model}, {"training", identity.training}};
  metadata["checksum"] = checksum_of(saver.contents);
  write_file_atomically(path, to_safetensors(saver.contents));
}

void load_checkpoint(const fs::path& path, const CheckpointIdentity& identity,
                     const StateLister& list) {
  const Safetensors contents = read_intact(path);
  require_same(path, "model", metadata_of(contents, "model"), identity.model);
  require_same(path, "training", metadata_of(contents, "training"), identity.training);
  const std::string source = path.string();
  Loader check(contents, source, false);
  list(check);
  check.require_all_used();
  Loader load(contents, source, true);
  list(load);
}

void PrefixVisitor::visit(const std::string& name, Tensor& tensor) {
  visitor_.visit(prefix_ + name, tensor);
}
void PrefixVisitor::visit(const std::string& name, double& value) {
  visitor_.visit(prefix_ + name, value);
}
void PrefixVisitor::visit(const std::string& name, std::int64_t& value) {
  visitor_.visit(prefix_ + name, value);
}
void PrefixVisitor::visit(const std::string& name, std::vector<double>& values) {
  visitor_.visit(prefix_ + name, values);
}

}  // namespace polder::app
