#include "polder/app/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "polder/core/random.h"
#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Safetensors sample() {
  Safetensors contents;
  contents.tensors = {
      {"layer.weight", Tensor::from<float>({1.5F, -2.0F, 3.25F, 0.0F, -0.0F, 7.0F}, {2, 3})},
      {"rate", Tensor::scalar(0.1)},
      {"half", Tensor::from<bfloat16>({bfloat16(1.0F), bfloat16(-3.0F), bfloat16(0.5F)}, {3})},
      {"labels", Tensor::from<std::int64_t>({-1, 1LL << 60}, {2})},
      {"empty", Tensor::zeros({0, 4})}};
  contents.metadata = {{"model", "lenet \"quoted\" \n"}, {"step", "12"}};
  return contents;
}

/// A file with this header text before `data_bytes` zeros.
std::string file_with(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(data_bytes, '\0');
}

void expect_same(const Safetensors& a, const Safetensors& b) {
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    const Tensor other = b.find(name);
    ASSERT_TRUE(other.defined()) << name;
    ASSERT_EQ(tensor.dtype(), other.dtype()) << name;
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    const bool same =
        tensor.bytes() == 0 || std::memcmp(tensor.raw(), other.raw(), tensor.bytes()) == 0;
    EXPECT_TRUE(same) << name;
  }
}

TEST(Safetensors, RoundTripKeepsEveryBit) {
  expect_same(sample(), from_safetensors(to_safetensors(sample()), "memory"));
  expect_same({}, from_safetensors(to_safetensors({}), "memory"));
}

TEST(Safetensors, ReadsAFileWrittenByHand) {
  std::string file = file_with(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )", 8);
  const float values[] = {0.25F, -8.0F};
  std::memcpy(file.data() + file.size() - 8, values, 8);
  const Safetensors contents = from_safetensors(file, "memory");
  EXPECT_EQ(contents.find("x").to_vector<float>(), (std::vector<float>{0.25F, -8.0F}));
  EXPECT_FALSE(contents.find("y").defined());
}

TEST(Safetensors, TensorsAreAligned) {
  const std::string file = to_safetensors(sample());
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  EXPECT_EQ(header % 8, 0U);
  double rate = 0.0;  // the only float64 tensor, behind the 16 bytes of int64 or before them
  const std::size_t data = 8 + header;
  bool found = false;
  for (std::size_t at = data; at + 8 <= file.size(); at += 8) {
    std::memcpy(&rate, file.data() + at, sizeof rate);
    found = found || rate == 0.1;
  }
  EXPECT_TRUE(found);
}

TEST(Safetensors, TruncatedAnywhereIsRefused) {
  const std::string file = to_safetensors(sample());
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_THAT(error_of([&] { from_safetensors(file.substr(0, size), "cut.bin"); }),
                StartsWith("safetensors: cut.bin: "))
        << size;
  EXPECT_NE(error_of([&] { from_safetensors(file + "x", "long.bin"); }), "");
}

TEST(Safetensors, FlippedBitsNeverCrash) {
  const std::string file = to_safetensors(sample());
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const std::string said = error_of([&] { from_safetensors(damaged, "flip.bin"); });
    EXPECT_TRUE(said.empty() || said.starts_with("safetensors: flip.bin: ")) << said;
  }
}

TEST(Safetensors, LiesInTheHeaderAreNamed) {
  struct Row {
    std::string header;
    std::size_t data_bytes;
    std::string complaint;
  };
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  const std::vector<Row> table = {
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "outside the file"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "outside the file"},
      {R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "has 8 bytes"},
      {R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0,
       "has 0 bytes"},
      {R"({"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "7 axes"},
      {R"({"x":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4, "type \"F16\""},
      {R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "whole numbers"},
      {R"({"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "whole numbers"},
      {R"({"x":{"dtype":"F32","shape":[2]}})", 8, "wants dtype, shape"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
       6, "begins at byte 2"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "begins at byte 8"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "hold 4 bytes"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "appears twice"},
      {R"({"__metadata__":{"a":1}})", 0, "object of texts"},
      {R"([1,2])", 0, "not a JSON object"},
      {R"({"x":)", 0, "not valid JSON"},
      {deep, 0, "nested deeper"},
      {"{\"\xff\":1}", 0, "not valid JSON"}};
  for (const auto& [header, data_bytes, complaint] : table)
    EXPECT_THAT(error_of([&] { from_safetensors(file_with(header, data_bytes), "lie.bin"); }),
                HasSubstr(complaint))
        << header.substr(0, 200);
}

TEST(Safetensors, HeaderLongerThanTheFileAllocatesNothing) {
  std::string file(8, '\xff');
  EXPECT_EQ(error_of([&] { from_safetensors(file, "x"); }),
            "safetensors: x: the header wants 18446744073709551615 bytes, the file has 0");
}

TEST(Safetensors, WriterRefusesRepeatedNamesAndBrokenText) {
  Safetensors twice;
  twice.tensors = {{"x", Tensor::scalar(1.0)}, {"x", Tensor::scalar(2.0)}};
  EXPECT_EQ(error_of([&] { to_safetensors(twice); }), "safetensors: the name \"x\" is taken");
  Safetensors broken;
  broken.metadata = {{"note", "\xff"}};
  EXPECT_THAT(error_of([&] { to_safetensors(broken); }), HasSubstr("UTF-8"));
}

TEST(Safetensors, RandomBytesNeverCrash) {
  const RandomKey key = random_key(20240607, "noise");
  for (std::uint32_t trial = 0; trial < 2000; ++trial) {
    SCOPED_TRACE(trial);
    const std::string alphabet = "{}[]\":,0123456789dtypeshapdata_offsetsF32I64\xff\\ ";
    std::string header(1 + below(key.at(trial), 0, 200), ' ');
    for (std::size_t i = 0; i < header.size(); ++i)
      header[i] = alphabet[below(key.at(trial), i + 1, alphabet.size())];
    EXPECT_NE(error_of([&] { from_safetensors(file_with(header, 3), "noise"); }), "");
  }
}

}  // namespace
}  // namespace polder::app
