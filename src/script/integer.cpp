#include "script/integer.h"

#include <charconv>
#include <string>

#include "base/strings.h"

namespace cove {

std::optional<std::uint32_t> parse_go_integer(std::string_view text) {
  int base = 10;
  bool after_digit = false;  // may an underscore stand here
  const std::string lower = to_lower(text);
  text = lower;
  if (text.size() > 1 && text[0] == '0') {
    after_digit = true;
    base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
    text.remove_prefix(base != 8 || text[1] == 'o' ? 2 : 1);
  }
  std::string digits;
  for (const char c : text) {
    if (c == '_' && !after_digit) return std::nullopt;
    after_digit = c != '_';
    if (c != '_') digits += c;
  }
  if (!after_digit) return std::nullopt;
  std::uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace cove
