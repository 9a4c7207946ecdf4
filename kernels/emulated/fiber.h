#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "polder/kernels/emulated/call.h"
#include "polder/kernels/emulated/place.h"

namespace polder::kernels::emulated::machine {

struct Block;
struct Warp;

/// A flow of control with a stack of its own, while it is not running.
struct Context {
  void* saved = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // the address sanitizer's
};

/// Leaves `from` and goes on with `to`.
void switch_context(Context& from, Context& to);
/// The first thing that a context does when it runs for the first time.
void enter_context();

/// What runs kernel threads: one after the other as long as they do not wait. A thread that waits
/// keeps its fiber.
struct Fiber {
  ThreadPlace place;
  Block* block = nullptr;
  Warp* warp = nullptr;
  const Call* call = nullptr;  // what its thread waits in; on its stack
  Fiber* next = nullptr;
  Context context;
};

/// Fibers in a line, by their `next`.
class FiberList {
 public:
  bool empty() const { return first_ == nullptr; }
  Fiber* first() const { return first_; }

  void push(Fiber& fiber) {
    fiber.next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = &fiber;
    last_ = &fiber;
  }

  /// The first fiber, taken out; null when there is none.
  Fiber* pop() {
    Fiber* fiber = first_;
    if (fiber != nullptr) first_ = fiber->next;
    return fiber;
  }

  /// Moves all of `other` to the end of this list.
  void append(FiberList& other) {
    if (other.empty()) return;
    (first_ == nullptr ? first_ : last_->next) = other.first_;
    last_ = other.last_;
    other.first_ = nullptr;
  }

 private:
  Fiber* first_ = nullptr;
  Fiber* last_ = nullptr;
};

/// Fibers, made as they are needed and kept. Every one runs `entry`, which never returns.
class FiberPool {
 public:
  explicit FiberPool(void (*entry)()) : entry_(entry) {}
  ~FiberPool();
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;

  Fiber& take() {
    Fiber* fiber = idle_;
    if (fiber == nullptr) return make();
    idle_ = fiber->next;
    return *fiber;
  }
  /// The fiber must go on to another one next.
  void give_back(Fiber& fiber) {
    fiber.next = idle_;
    idle_ = &fiber;
  }

 private:
  Fiber& make();

  void (*entry_)();
  Fiber* idle_ = nullptr;  // last in, first out: its stack is warm
  std::deque<Fiber> fibers_;
  std::vector<std::byte*> slabs_;
};

}  // namespace polder::kernels::emulated::machine
