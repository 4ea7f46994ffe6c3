#include "script/expand.h"

namespace cove {
namespace {

bool is_special(char c) { return std::string_view("*#$@!?-0123456789").find(c) != std::string_view::npos; }

bool is_name_byte(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// What follows a `$`: the variable's name (empty = none) and how many bytes go with the dollar (0 = the
// dollar stays).
struct Reference {
  std::string_view name;
  std::size_t bytes;
};

Reference reference_at(std::string_view text) {
  if (text.front() == '{') {
    const auto close = text.find('}');
    if (close == std::string_view::npos) return {{}, 1};
    return {text.substr(1, close - 1), close + 1};
  }
  if (is_special(text.front())) return {text.substr(0, 1), 1};
  std::size_t length = 0;
  while (length < text.size() && is_name_byte(text[length])) ++length;
  return {text.substr(0, length), length};
}

void append_value(std::string& result, std::string_view value, ScriptExpansion expansion) {
  if (expansion == ScriptExpansion::kPlain) {
    result += value;
    return;
  }
  for (const char c : value) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
}

}  // namespace

void append_expanded(std::string& result, std::string_view text, const ScriptEnvironment& environment,
                     ScriptExpansion expansion) {
  for (;;) {
    const auto dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    text.remove_prefix(dollar + 1);
    const Reference reference = text.empty() ? Reference{{}, 0} : reference_at(text);
    if (reference.bytes == 0) result += '$';
    if (!reference.name.empty()) append_value(result, environment.get(reference.name), expansion);
    text.remove_prefix(reference.bytes);
  }
}

}  // namespace cove
