// Integers as Go's parser reads them. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cove {

// Unsigned, at most 32 bits; base by prefix 0x, 0b, 0o or a leading 0 (octal), else decimal; single
// underscores between digits and after the prefix. nullopt for anything else.
std::optional<std::uint32_t> parse_go_integer(std::string_view text);

}  // namespace cove
