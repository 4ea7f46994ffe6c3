#include "script/secrets.h"

#include <algorithm>

#include "base/strings.h"

namespace cove {

void ScriptSecrets::add(std::string_view value) {
  if (value.empty() || std::find(values_.begin(), values_.end(), value) != values_.end()) return;
  const auto shorter = std::find_if(values_.begin(), values_.end(),
                                    [&](const auto& other) { return other.size() < value.size(); });
  values_.insert(shorter, std::string(value));
}

void ScriptSecrets::add_variable(std::string_view name, std::string_view value) {
  constexpr std::size_t kLeast = 4;
  if (value.size() < kLeast) return;
  const std::string lower = to_lower(name);
  for (const std::string_view word : {"password", "token", "secret"}) {
    if (lower.find(word) != std::string::npos) return add(value);
  }
}

std::string ScriptSecrets::mask(std::string text) const {
  for (const auto& value : values_) {
    for (std::size_t at = 0; (at = text.find(value, at)) != std::string::npos;) {
      text.replace(at, value.size(), "***");
      at += 3;
    }
  }
  return text;
}

}  // namespace cove
