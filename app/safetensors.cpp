#include "polder/app/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "polder/core/allocator.h"

namespace polder::app {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);

struct DTypeName {
  DType dtype;
  std::string_view name;
};
constexpr DTypeName kDTypeNames[] = {{DType::float32, "F32"},
                                     {DType::float64, "F64"},
                                     {DType::bfloat16, "BF16"},
                                     {DType::int64, "I64"}};

std::string_view name_of(DType dtype) {
  return std::find_if(std::begin(kDTypeNames), std::end(kDTypeNames),
                      [&](const DTypeName& row) { return row.dtype == dtype; })
      ->name;
}

/// Where a tensor's bytes lie behind the header.
struct Placement {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

/// One pass over an untrusted header: every complaint names the file.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::uint64_t data_bytes, const std::string& source)
      : text_(text), data_bytes_(data_bytes), source_(source) {}

  std::vector<Placement> read(std::map<std::string, std::string>& metadata) const {
    const Json header = parse();
    wanted(header.is_object(), "the header is not a JSON object");
    std::vector<Placement> placements;
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata)
        read_metadata(entry, metadata);
      else
        placements.push_back(read_placement(name, entry));
    }
    std::sort(placements.begin(), placements.end(), [](const Placement& a, const Placement& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    require_cover(placements);
    return placements;
  }

 private:
  void wanted(bool condition, std::string_view complaint) const {
    require(condition, "safetensors: {}: {}", source_, complaint);
  }

  /// Deep nesting and repeated keys end the parse: a valid header has neither.
  Json parse() const {
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      const auto level = static_cast<std::size_t>(depth);
      wanted(depth <= 3, "the header is nested deeper than a safetensors header");
      if (event == Json::parse_event_t::object_start) keys.resize(level + 1);
      if (event == Json::parse_event_t::object_start) keys[level].clear();
      if (event == Json::parse_event_t::key)
        wanted(keys[level - 1].insert(parsed.get<std::string>()).second,
               "a name appears twice in the header");
      return true;
    };
    try {
      return Json::parse(text_, watch);
    } catch (const Json::exception&) {
      fail("safetensors: {}: the header is not valid JSON", source_);
    }
  }

  void read_metadata(const Json& entry, std::map<std::string, std::string>& metadata) const {
    wanted(entry.is_object(), "__metadata__ is not an object of texts");
    for (const auto& [key, value] : entry.items()) {
      wanted(value.is_string(), "__metadata__ is not an object of texts");
      metadata[key] = value.get<std::string>();
    }
  }

  Placement read_placement(const std::string& name, const Json& entry) const {
    const bool complete = entry.is_object() && entry.size() == 3 && entry.contains("dtype") &&
                          entry.contains("shape") && entry.contains("data_offsets");
    require(complete && entry["dtype"].is_string(),
            "safetensors: {}: tensor \"{}\" wants dtype, shape and data_offsets", source_, name);
    Placement placement;
    placement.name = name;
    placement.dtype = read_dtype(name, entry["dtype"].get<std::string>());
    const std::vector<std::uint64_t> shape = read_numbers(name, entry["shape"]);
    const std::vector<std::uint64_t> offsets = read_numbers(name, entry["data_offsets"]);
    require(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_bytes_,
            "safetensors: {}: tensor \"{}\" lies outside the file", source_, name);
    placement.begin = offsets[0];
    placement.end = offsets[1];
    placement.shape = read_shape(placement, shape);
    return placement;
  }

  DType read_dtype(const std::string& name, const std::string& text) const {
    for (const DTypeName& row : kDTypeNames)
      if (row.name == text) return row.dtype;
    fail("safetensors: {}: tensor \"{}\" has type \"{}\", wanted F32, F64, BF16 or I64", source_,
         name, text);
  }

  std::vector<std::uint64_t> read_numbers(const std::string& name, const Json& list) const {
    const bool numbers =
        list.is_array() &&
        std::all_of(list.begin(), list.end(), [](const Json& x) { return x.is_number_unsigned(); });
    require(numbers, "safetensors: {}: tensor \"{}\" wants lists of whole numbers", source_, name);
    return list.get<std::vector<std::uint64_t>>();
  }

  Shape read_shape(const Placement& placement, const std::vector<std::uint64_t>& sizes) const {
    require(sizes.size() <= Shape::kMaxRank,
            "safetensors: {}: tensor \"{}\" has {} axes, at most {}", source_, placement.name,
            sizes.size(), Shape::kMaxRank);
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t bytes = size_of(placement.dtype);
    bool fits = true;
    for (const std::uint64_t size : sizes) {
      fits = fits && size <= kLargest && (size == 0 || bytes <= kLargest / size);
      bytes = fits ? bytes * size : bytes;
    }
    require(fits && bytes == placement.end - placement.begin,
            "safetensors: {}: tensor \"{}\" has {} bytes, its shape and type want another number",
            source_, placement.name, placement.end - placement.begin);
    const std::vector<std::int64_t> axes(sizes.begin(), sizes.end());
    return Shape(std::span<const std::int64_t>(axes));
  }

  void require_cover(const std::vector<Placement>& placements) const {
    std::uint64_t covered = 0;
    for (const Placement& placement : placements) {
      require(placement.begin == covered,
              "safetensors: {}: tensor \"{}\" begins at byte {}, wanted {}", source_,
              placement.name, placement.begin, covered);
      covered = placement.end;
    }
    require(covered == data_bytes_, "safetensors: {}: the tensors hold {} bytes, the file has {}",
            source_, covered, data_bytes_);
  }

  std::string_view text_;
  std::uint64_t data_bytes_;
  const std::string& source_;
};

std::string header_of(const std::vector<Safetensors::Entry>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    require(name != kMetadata && !header.contains(name), "safetensors: the name \"{}\" is taken",
            name);
    const auto sizes = tensor.shape().sizes();
    header[name] = {{"dtype", name_of(tensor.dtype())},
                    {"shape", std::vector<std::int64_t>(sizes.begin(), sizes.end())},
                    {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    fail("safetensors: a name or a metadata text is not UTF-8");
  }
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  return text;
}

}  // namespace

Tensor Safetensors::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Entry& entry) { return entry.name == name; });
  return found == tensors.end() ? Tensor{} : found->tensor;
}

std::string to_safetensors(const Safetensors& contents) {
  std::vector<Safetensors::Entry> tensors = contents.tensors;
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return size_of(a.tensor.dtype()) > size_of(b.tensor.dtype());
  });
  const std::string header = header_of(tensors, contents.metadata);
  std::size_t bytes = kLengthBytes + header.size();
  for (const auto& entry : tensors) bytes += entry.tensor.bytes();
  std::string file(bytes, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, kLengthBytes);
  std::memcpy(file.data() + kLengthBytes, header.data(), header.size());
  std::size_t position = kLengthBytes + header.size();
  for (const auto& [name, tensor] : tensors) {
    allocator_of(tensor.device())
        .copy_to_host(file.data() + position, tensor.raw(), tensor.bytes());
    position += tensor.bytes();
  }
  return file;
}

Safetensors from_safetensors(std::string_view bytes, const std::string& source) {
  std::uint64_t length = 0;
  require(bytes.size() >= kLengthBytes, "safetensors: {}: {} bytes are too few for a header length",
          source, bytes.size());
  std::memcpy(&length, bytes.data(), kLengthBytes);
  const std::uint64_t behind = bytes.size() - kLengthBytes;
  require(length <= behind, "safetensors: {}: the header wants {} bytes, the file has {}", source,
          length, behind);
  const std::string_view data = bytes.substr(kLengthBytes + length);
  Safetensors contents;
  const HeaderReader header(bytes.substr(kLengthBytes, length), data.size(), source);
  for (const Placement& placement : header.read(contents.metadata)) {
    Tensor tensor = Tensor::empty(placement.shape, placement.dtype);
    allocator_of(kCpu).copy_from_host(tensor.raw(), data.data() + placement.begin, tensor.bytes());
    contents.tensors.push_back({placement.name, std::move(tensor)});
  }
  return contents;
}

}  // namespace polder::app
