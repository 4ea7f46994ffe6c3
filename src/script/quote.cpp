#include "script/quote.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

#include "script/utf8.h"

namespace cove {
namespace {

// Letter of the escape for a control character, 0 if it has none.
char control_letter(char32_t value) {
  static constexpr std::string_view kLetters = "abtnvfr";  // from 7 to 13
  return value >= 7 && value <= 13 ? kLetters[value - 7] : '\0';
}

struct Range {
  char32_t first;
  char32_t last;
};
// Valid code points that show nothing or break lines: written as escapes.
constexpr std::array<Range, 15> kUnprintable = {{{0x00, 0x1F},
                                                 {0x7F, 0xA0},
                                                 {0xAD, 0xAD},
                                                 {0x1680, 0x1680},
                                                 {0x180E, 0x180E},
                                                 {0x2000, 0x200F},
                                                 {0x2028, 0x202F},
                                                 {0x205F, 0x206F},
                                                 {0x3000, 0x3000},
                                                 {0xE000, 0xF8FF},
                                                 {0xFEFF, 0xFEFF},
                                                 {0xFFF0, 0xFFFB},
                                                 {0xFFFE, 0xFFFF},
                                                 {0xE0000, 0xE00FF},
                                                 {0xF0000, 0x10FFFF}}};

bool is_printable(char32_t value) {
  for (const auto& range : kUnprintable) {
    if (value >= range.first && value <= range.last) return false;
  }
  return true;
}

std::string hex(char letter, char32_t value, int width) {
  char text[16];
  std::snprintf(text, sizeof text, "\\%c%0*x", letter, width, static_cast<unsigned>(value));
  return text;
}

void append_escaped(std::string& result, char32_t value) {
  if (value == '"' || value == '\\') {
    result += {'\\', static_cast<char>(value)};
  } else if (is_printable(value)) {
    append_utf8(result, value);
  } else if (const char letter = control_letter(value); letter != '\0') {
    result += {'\\', letter};
  } else if (value < 0x20 || value == 0x7F) {
    result += hex('x', value, 2);
  } else if (value < 0x10000) {
    result += hex('u', value, 4);
  } else {
    result += hex('U', value, 8);
  }
}

}  // namespace

std::string quote_double(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (point.valid()) {
      append_escaped(result, point.value);
    } else {
      result += hex('x', static_cast<unsigned char>(text.front()), 2);
    }
    text.remove_prefix(point.bytes);
  }
  return result + '"';
}

std::string quote_back(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = first_code_point(rest);
    const bool control = (point.value < 0x20 && point.value != '\t') || point.value == 0x7F;
    if (!point.valid() || control || point.value == '`' || point.value == 0xFEFF) return quote_double(text);
    rest.remove_prefix(point.bytes);
  }
  return "`" + std::string(text) + "`";
}

std::string quote_arguments(std::span<const std::string> arguments) {
  std::string all;
  for (const auto& argument : arguments) {
    if (&argument != arguments.data()) all += ' ';
    if (argument.find_first_of("' \t\r\n#") == std::string::npos) {
      all += argument;
      continue;
    }
    all += '\'';
    for (const char c : argument) {
      if (c == '\'') all += '\'';
      all += c;
    }
    all += '\'';
  }
  return all;
}

namespace {

// Takes exactly `width` digits of `base` from the front.
std::optional<char32_t> take_digits(std::string_view& text, std::size_t width, int base) {
  if (text.size() < width) return std::nullopt;
  std::uint32_t value = 0;
  const char* end = text.data() + width;
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  text.remove_prefix(width);
  return value;
}

// Takes the escape after a backslash.
bool take_escape(std::string_view& text, std::string& result) {
  if (text.empty()) return false;
  const char letter = text.front();
  static constexpr std::string_view kLetters = "abtnvfr";
  if (const auto at = kLetters.find(letter); at != std::string_view::npos) {
    result += static_cast<char>(7 + at);
  } else if (letter == '\\' || letter == '"') {
    result += letter;
  } else if (letter >= '0' && letter <= '7') {
    const auto value = take_digits(text, 3, 8);
    if (!value || *value > 255) return false;
    result += static_cast<char>(*value);
    return true;
  } else if (letter == 'x' || letter == 'u' || letter == 'U') {
    text.remove_prefix(1);
    const auto value = take_digits(text, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, 16);
    if (!value || *value > 0x10FFFF || (letter != 'x' && *value >= 0xD800 && *value < 0xE000)) return false;
    if (letter == 'x') {
      result += static_cast<char>(*value);
    } else {
      append_utf8(result, *value);
    }
    return true;
  } else {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<std::string> unescape(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    const bool good = c == '\\' ? take_escape(text, result) : c != '"' && c != '\n';
    if (!good) return Error(Code::kInvalidArgument, "invalid syntax");
    if (c != '\\') result += c;
  }
  return result;
}

}  // namespace cove
