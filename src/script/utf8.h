// UTF-8 one code point at a time. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cove {

struct CodePoint {
  char32_t value = 0xFFFD;
  std::size_t bytes = 1;
  enum class Validity : std::uint8_t { kValid, kInvalid } validity = Validity::kInvalid;
  bool valid() const { return validity == Validity::kValid; }
};

// The first code point of a text that is not empty; a byte that begins none is one invalid U+FFFD. Overlong
// forms, surrogates and values above U+10FFFF are invalid.
CodePoint first_code_point(std::string_view text);
// `value` is a valid code point.
void append_utf8(std::string& text, char32_t value);

}  // namespace cove
