#include "polder/core/error.h"
#include "polder/kernels/back_ends.h"

namespace polder::kernels {

bool has_emulated_device() { return false; }
Backend& emulated_backend() { fail("emulated: this program was built without the device"); }

}  // namespace polder::kernels
