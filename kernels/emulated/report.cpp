#include "polder/kernels/emulated/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace polder::kernels::emulated::machine {
namespace {

struct Group {
  Call call;
  unsigned threads = 0;
};

void add(std::vector<Group>& groups, const Call& call) {
  const auto known = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
    return is_same_line(group.call, call);
  });
  Group& group = known == groups.end() ? groups.emplace_back(Group{call}) : *known;
  ++group.threads;
}

void add(std::vector<Group>& groups, const FiberList& waiting) {
  for (const Fiber* fiber = waiting.first(); fiber != nullptr; fiber = fiber->next)
    add(groups, *fiber->call);
}

void add(std::vector<Group>& groups, const Block& block) {
  add(groups, block.barrier.waiting);
  for (const Warp& warp : block.warps) add(groups, warp.barrier.waiting);
}

std::string list_of(const std::vector<Group>& groups) {
  std::string list;
  for (const Group& group : groups)
    list += fmt::format("{}{} wait in {} at {}", list.empty() ? "" : ", ", group.threads,
                        group.call.name, text(group.call.where));
  return list;
}

}  // namespace

std::string text(const std::source_location& where) {
  const std::string_view file = where.file_name();
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), where.line());
}

std::string text(const uint3& index) {
  return fmt::format("({}, {}, {})", index.x, index.y, index.z);
}

std::string describe_stuck(std::span<const Block> blocks, const Barrier& grid) {
  std::vector<Group> groups;
  add(groups, grid.waiting);
  std::string place = "the grid";
  if (groups.empty()) {
    const auto stuck = std::find_if(blocks.begin(), blocks.end(), [](const Block& block) {
      return block.returned < block.threads;
    });
    place = "block " + text(stuck->place.index);
    blocks = blocks.subspan(static_cast<std::size_t>(stuck - blocks.begin()), 1);
  }
  unsigned threads = 0;
  unsigned returned = 0;
  for (const Block& block : blocks) {
    add(groups, block);
    threads += block.threads;
    returned += block.returned;
  }
  return fmt::format("{} in {}: of {} threads {}, {} have returned",
                     returned > 0 ? "divergence" : "deadlock", place, threads, list_of(groups),
                     returned);
}

std::string describe_mixed(const Barrier& barrier, const Fiber& last) {
  std::vector<Group> groups;
  add(groups, barrier.waiting);
  add(groups, *last.call);
  return fmt::format("divergence: of {} threads that should meet {}", barrier.expected,
                     list_of(groups));
}

}  // namespace polder::kernels::emulated::machine
