// First byte: which label. The last record is padded to its whole length when bit 2 is set, so that
// short inputs reach the labels too.
#include "polder/data/cifar.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using polder::data::CifarLabel;
  if (size == 0) return 0;
  const auto label = static_cast<CifarLabel>(data[0] % 4 % 3);
  const std::size_t record = label == CifarLabel::cifar10 ? 3073 : 3074;
  std::vector<std::uint8_t> file(data + 1, data + size);
  if ((data[0] & 4) != 0) file.resize((file.size() + record - 1) / record * record);
  polder::fuzz::accept_or_refuse([&] {
    const auto set = polder::data::parse_cifar(std::as_bytes(std::span(file)), label, "input");
    polder::fuzz::promise(static_cast<std::size_t>(set.size()) * record == file.size(),
                          "one image a record");
    for (const std::int64_t value : set.labels())
      polder::fuzz::promise(value >= 0 && value < set.classes(), "labels in range");
  });
  return 0;
}
