#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/files.h"
#include "polder/app/files.h"
#include "polder/core/random.h"

namespace polder::app {

/// An IDX file: rank and sizes behind the magic number, then the bytes.
inline data::testing::Bytes idx_file(const std::vector<std::uint32_t>& sizes,
                                     const data::testing::Bytes& values) {
  data::testing::Bytes file{0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  for (const std::uint32_t size : sizes)
    for (const int shift : {24, 16, 8, 0}) file.push_back(static_cast<std::uint8_t>(size >> shift));
  file.insert(file.end(), values.begin(), values.end());
  return file;
}

/// Files in the form of Fashion-MNIST: 300 random images to train and 80 to test, ten classes.
inline void write_clothes(const fs::path& folder) {
  for (const auto& [stem, count] :
       {std::pair<std::string, std::uint32_t>{"train", 300U}, {"t10k", 80U}}) {
    data::testing::Bytes pixels(count * 28 * 28), labels(count);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(below(random_key(3, stem), i, 256));
    for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<std::uint8_t>(i * 7 % 10);
    const auto write = [&](const std::string& name, const data::testing::Bytes& file) {
      const data::testing::Bytes packed = data::testing::gzip(file);
      write_file_atomically(folder / name, std::string(packed.begin(), packed.end()));
    };
    write(stem + "-images-idx3-ubyte.gz", idx_file({count, 28, 28}, pixels));
    write(stem + "-labels-idx1-ubyte.gz", idx_file({count}, labels));
  }
}

}  // namespace polder::app
