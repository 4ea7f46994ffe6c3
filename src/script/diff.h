// Unified differences of two texts, for the log. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cove {

// "diff A B", "--- A", "+++ B" and the hunks with three lines around; empty if the texts are equal. Texts
// whose differing middles are very large (the product of their lines above four million) are shown as one
// replacement.
std::string unified_diff(std::string_view old_name, std::string_view old_text, std::string_view new_name,
                         std::string_view new_text);

}  // namespace cove
