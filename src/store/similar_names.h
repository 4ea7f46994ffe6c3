// Which of the known words a mistyped one may have meant. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove {

// At most three, nearest first: edit distance (with transpositions) up to a third of the length, or a common
// prefix.
std::vector<std::string> similar_names(std::string_view typed, const std::vector<std::string>& known);

}  // namespace cove
