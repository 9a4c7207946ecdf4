#include <ucontext.h>

#include <new>

#include "polder/core/error.h"
#include "polder/kernels/emulated/stack_switch.h"

// The portable form: a suspended flow of control is a ucontext_t on its own stack.

namespace polder::kernels::emulated::machine {

void* prepare_stack(std::byte* bottom, std::size_t bytes, void (*entry)()) {
  auto* context = new (bottom) ucontext_t;
  require(getcontext(context) == 0, "emulated device: no stack for a thread");
  constexpr std::size_t kHead = (sizeof(ucontext_t) + 63) / 64 * 64;
  context->uc_stack.ss_sp = bottom + kHead;
  context->uc_stack.ss_size = bytes - kHead;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void switch_stack(void** from, void* to) {
  ucontext_t here;
  *from = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

}  // namespace polder::kernels::emulated::machine
