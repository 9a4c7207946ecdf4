#include "polder/core/error.h"
#include "polder/kernels/back_ends.h"

namespace polder::kernels {

int cuda_device_count() { return 0; }
std::string why_no_card() { return "this program was built without CUDA"; }
Backend& cuda_backend(int index) { fail("cuda:{}: this program was built without CUDA", index); }
std::unique_ptr<Stopwatch> cuda_stopwatch(int index) {
  fail("cuda:{}: this program was built without CUDA", index);
}

}  // namespace polder::kernels
