#include "model/vm_name.h"

#include <algorithm>

namespace cove {
namespace {

constexpr std::size_t kMaxLength = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_allowed(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

constexpr std::string_view kRule =
    "names start with a letter or digit and go on with letters, digits, '.', '_' or '-'";

}  // namespace

Result<VmName> VmName::parse(std::string_view text) {
  if (text.empty()) return Error(Code::kInvalidArgument, "empty name").hint(kRule);
  if (text.size() > kMaxLength) {
    return Error(Code::kInvalidArgument,
                 "name of " + std::to_string(text.size()) + " characters, 63 are allowed");
  }
  const auto bad = std::find_if_not(text.begin(), text.end(), is_allowed);
  if (!is_letter_or_digit(text.front()) || bad != text.end()) {
    return Error(Code::kInvalidArgument, "invalid name \"" + std::string(text) + "\"").hint(kRule);
  }
  return VmName(std::string(text));
}

}  // namespace cove
