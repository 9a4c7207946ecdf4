#pragma once

#include <string>
#include <vector>

#include "polder/core/state.h"
#include "test_support.h"

namespace polder::lets {

/// Remembers what it is shown by name; after `recall` it shows it back.
class Memory final : public StateVisitor {
 public:
  void recall() {
    recalling_ = true;
    next_ = 0;
  }
  std::size_t size() const { return entries_.size(); }

  void visit(const std::string& name, Tensor& tensor) override {
    if (Entry* saved = next(name))
      tensor.copy_from(saved->tensor);
    else
      entries_.back().tensor = tensor.clone();
  }
  void visit(const std::string& name, double& value) override {
    if (Entry* saved = next(name))
      value = saved->number;
    else
      entries_.back().number = value;
  }
  void visit(const std::string& name, std::int64_t& value) override {
    if (Entry* saved = next(name))
      value = saved->integer;
    else
      entries_.back().integer = value;
  }
  void visit(const std::string& name, std::vector<double>& values) override {
    if (Entry* saved = next(name))
      values = saved->list;
    else
      entries_.back().list = values;
  }

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
    double number = 0.0;
    std::int64_t integer = 0;
    std::vector<double> list;
  };

  /// The entry to show back; null (after making room) while remembering.
  Entry* next(const std::string& name) {
    if (!recalling_) {
      entries_.push_back({name, {}, 0.0, 0, {}});
      return nullptr;
    }
    Entry& entry = entries_.at(next_++);
    require(entry.name == name, "Memory: shown {}, remembered {}", name, entry.name);
    return &entry;
  }

  std::vector<Entry> entries_;
  bool recalling_ = false;
  std::size_t next_ = 0;
};

}  // namespace polder::lets
