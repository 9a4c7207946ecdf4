#include "polder/data/shuffle.h"

#include <utility>

namespace polder::data {

std::vector<std::int64_t> shuffled(std::vector<std::int64_t> items, RandomKey key) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[below(key, i - 1, i)]);
  return items;
}

}  // namespace polder::data
