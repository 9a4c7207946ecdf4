#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "polder/kernels/emulated/stack_switch.h"

// Saves the registers that a called function must keep, exchanges stack pointers, and returns to
// where the other stack called from.
asm(R"(
  .text
  .p2align 4
  .globl polder_switch_stack
  .hidden polder_switch_stack
  .type polder_switch_stack, @function
polder_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size polder_switch_stack, .-polder_switch_stack
)");

extern "C" void polder_switch_stack(void** from, void* to);

namespace polder::kernels::emulated::machine {

void* prepare_stack(std::byte* bottom, std::size_t bytes, void (*entry)()) {
  // Six registers, then where to return to, then the return address of entry itself: none.
  const std::array<std::uintptr_t, 8> frame{0, 0, 0, 0, 0, 0, std::bit_cast<std::uintptr_t>(entry)};
  const auto end = std::bit_cast<std::uintptr_t>(bottom + bytes) & ~std::uintptr_t{15};
  auto* top = std::bit_cast<std::byte*>(end) - sizeof(frame);
  std::memcpy(top, frame.data(), sizeof(frame));
  return top;
}

void switch_stack(void** from, void* to) { polder_switch_stack(from, to); }

}  // namespace polder::kernels::emulated::machine
