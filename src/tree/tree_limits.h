// Limits that both sides of a copy keep to.
#pragma once

#include <cstddef>

namespace cove {

// Folders inside one another, the top one included. Whoever walks a tree holds one descriptor per folder.
constexpr std::size_t kMaxTreeDepth = 256;

}  // namespace cove
