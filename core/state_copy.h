#pragma once

#include <vector>

#include "polder/core/state.h"

namespace polder {

/// Remembers everything it is shown, in order; from `restore` on it shows it back, in the same
/// order, as often as `restore` is called.
class StateCopy final : public StateVisitor {
 public:
  void restore() {
    restoring_ = true;
    next_tensor_ = next_number_ = next_integer_ = next_list_ = 0;
  }
  void visit(const std::string&, Tensor& tensor) override {
    if (!restoring_)
      tensors_.push_back(tensor.defined() ? tensor.clone() : Tensor{});
    else if (const Tensor& saved = tensors_[next_tensor_++]; saved.defined())
      tensor.copy_from(saved);
  }
  void visit(const std::string&, double& value) override { keep(numbers_, next_number_, value); }
  void visit(const std::string&, std::int64_t& value) override {
    keep(integers_, next_integer_, value);
  }
  void visit(const std::string&, std::vector<double>& values) override {
    keep(lists_, next_list_, values);
  }

 private:
  template <class T>
  void keep(std::vector<T>& saved, std::size_t& next, T& value) {
    if (restoring_)
      value = saved[next++];
    else
      saved.push_back(value);
  }

  bool restoring_ = false;
  std::vector<Tensor> tensors_;
  std::vector<double> numbers_;
  std::vector<std::int64_t> integers_;
  std::vector<std::vector<double>> lists_;
  std::size_t next_tensor_ = 0, next_number_ = 0, next_integer_ = 0, next_list_ = 0;
};

}  // namespace polder
