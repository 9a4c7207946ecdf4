#include <atomic>

#include "polder/kernels/backend.h"

namespace polder::kernels {
namespace {

std::atomic<bool> is_allowed = false;

}  // namespace

void allow_tf32(bool allowed) { is_allowed = allowed; }
bool tf32_allowed() { return is_allowed; }

}  // namespace polder::kernels
