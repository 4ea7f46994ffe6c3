// Small text helpers without locale. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cove {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);  // blanks, tabs, CR, LF at both ends
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string to_lower(std::string_view text);  // ASCII
// Whole-text decimal numbers; nullopt on anything else, overflow included.
std::optional<std::uint64_t> parse_u64(std::string_view text);
std::optional<std::int64_t> parse_i64(std::string_view text);
// "4.2 MB": base 1024, one decimal, as the CLI shows sizes; below 1024 "17 B".
std::string format_bytes(std::uint64_t bytes);
// Quotes a word for POSIX sh; plain words stay as they are.
std::string shell_quote(std::string_view word);
std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);
// Standard or URL-safe alphabet, padded or not.
std::optional<std::string> base64_decode(std::string_view text);
// n random bytes from the kernel.
std::string random_bytes(std::size_t count);
// Compares without telling by its time how much was equal.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace cove
