#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

/// Six steps of adamw, clipped, with so many threads.
std::vector<std::byte> bits(const Subject& subject, int threads, std::uint64_t seed,
                            std::int64_t width) {
  kernels::set_thread_count(threads);
  Training training = train(subject, {.width = width, .seed = seed}, "adamw", 1.0);
  training.run_steps(6);
  kernels::set_thread_count(1);
  return training.result_bits();
}

}  // namespace

Outcome repeats_itself(const Subject& subject) {
  const auto once = bits(subject, 1, 1, 17);
  const double again = differing(bits(subject, 1, 1, 17), once);
  if (again != 0.0) return measured(again, 0.0, "bytes of the weights that differ when run again");
  if (bits(subject, 1, 2, 17) == once) return complaint("another seed gives the same bits");
  if (subject.device != kCpu)
    return measured(distance(trained_on_images(subject), trained_on_images(subject)), 0.0,
                    "distance of w when run again");
  // So wide that weights and activations are cut into blocks for several threads.
  constexpr std::int64_t kWide = 3001;
  return measured(differing(bits(subject, 2, 1, kWide), bits(subject, 1, 1, kWide)), 0.0,
                  "bytes of the weights that depend on the number of threads");
}

Outcome resumes(const Subject& subject) {
  for (const std::string& optimizer : optim::base_optimizer_names()) {
    Training uninterrupted = train(subject, {}, optimizer), resumed = train(subject, {}, optimizer);
    uninterrupted.run_steps(7);
    Memory memory;
    memory.save(uninterrupted);
    uninterrupted.run_steps(7);
    memory.load(resumed);
    resumed.run_steps(7);
    const double bytes = differing(resumed.result_bits(), uninterrupted.result_bits());
    if (bytes != 0.0)
      return measured(
          bytes, 0.0,
          fmt::format("bytes of the weights that a checkpoint changed, under {}", optimizer));
  }
  return measured(0.0, 0.0, "bytes of the weights that a checkpoint changed");
}

}  // namespace polder::verify
