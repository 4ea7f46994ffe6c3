#include "format/duration.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace cove {
namespace {

constexpr std::uint64_t kLimit = std::uint64_t{1} << 63U;  // the magnitude of the most negative duration

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"\u00b5s", 1'000},
                                         {"\u03bcs", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

// Go's time package quotes every byte outside printable ASCII as \xHH.
std::string quoted(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || byte < 0x20) {
      result += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
  }
  return result + '"';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the front; nullopt above 2^63.
std::optional<std::uint64_t> take_whole(std::string_view& text) {
  std::uint64_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    if (value > kLimit / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (value > kLimit) return std::nullopt;
    text.remove_prefix(1);
  }
  return value;
}

struct Fraction {
  std::uint64_t digits = 0;
  double scale = 1;
};

// Digits beyond what 63 bits hold are read and ignored.
Fraction take_fraction(std::string_view& text) {
  Fraction fraction;
  bool full = false;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    if (full) continue;
    const std::uint64_t next = fraction.digits * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (fraction.digits > (kLimit - 1) / 10 || next > kLimit) {
      full = true;
      continue;
    }
    fraction.digits = next;
    fraction.scale *= 10;
  }
  return fraction;
}

Error invalid(std::string_view original) {
  return Error(Code::kInvalidArgument, "time: invalid duration " + quoted(original));
}

// Takes one number with its unit and returns nanoseconds, at most 2^63.
Result<std::uint64_t> take_pair(std::string_view& text, std::string_view original) {
  const std::size_t before = text.size();
  const auto whole = take_whole(text);
  if (!whole) return invalid(original);
  bool any_digit = text.size() != before;
  Fraction fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t left = text.size();
    fraction = take_fraction(text);
    any_digit = any_digit || text.size() != left;
  }
  if (!any_digit) return invalid(original);

  std::size_t length = 0;
  while (length < text.size() && text[length] != '.' && !is_digit(text[length])) ++length;
  if (length == 0) return Error(Code::kInvalidArgument, "time: missing unit in duration " + quoted(original));
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  std::uint64_t unit = 0;
  for (const auto& candidate : kUnits) {
    if (candidate.name == name) unit = candidate.nanoseconds;
  }
  if (unit == 0) {
    return Error(Code::kInvalidArgument,
                 "time: unknown unit " + quoted(name) + " in duration " + quoted(original));
  }
  if (*whole > kLimit / unit) return invalid(original);
  std::uint64_t value = *whole * unit;
  if (fraction.digits > 0) {
    value += static_cast<std::uint64_t>(static_cast<double>(fraction.digits) *
                                        (static_cast<double>(unit) / fraction.scale));
    if (value > kLimit) return invalid(original);
  }
  return value;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const std::string_view original = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return invalid(original);
  std::uint64_t total = 0;
  while (!text.empty()) {
    if (text.front() != '.' && !is_digit(text.front())) return invalid(original);
    const std::uint64_t pair = COVE_TRY(take_pair(text, original));
    if (pair > kLimit - total) return invalid(original);
    total += pair;
  }
  if (negative) return std::chrono::nanoseconds(static_cast<std::int64_t>(std::uint64_t{0} - total));
  if (total == kLimit) return invalid(original);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

namespace {

// value / 10^digits without trailing zeros: "1.5".
std::string decimal(std::uint64_t value, int digits) {
  std::string fraction;
  for (int i = 0; i < digits; ++i, value /= 10) {
    if (const auto digit = static_cast<char>('0' + value % 10); digit != '0' || !fraction.empty()) {
      fraction.insert(fraction.begin(), digit);
    }
  }
  return std::to_string(value) + (fraction.empty() ? "" : "." + fraction);
}

}  // namespace

std::string format_duration(std::chrono::nanoseconds span) {
  const bool negative = span.count() < 0;
  std::uint64_t left = static_cast<std::uint64_t>(span.count());
  if (negative) left = std::uint64_t{0} - left;
  const std::string sign = negative ? "-" : "";
  if (left == 0) return "0s";
  if (left < 1'000) return sign + std::to_string(left) + "ns";
  if (left < 1'000'000) return sign + decimal(left, 3) + "\u00b5s";
  if (left < 1'000'000'000) return sign + decimal(left, 6) + "ms";
  constexpr std::uint64_t kMinute = 60'000'000'000;
  std::string text = decimal(left % kMinute, 9) + "s";
  const std::uint64_t minutes = left / kMinute;
  if (minutes > 0) text = std::to_string(minutes % 60) + "m" + text;
  if (minutes >= 60) text = std::to_string(minutes / 60) + "h" + text;
  return sign + text;
}

}  // namespace cove
