// Patterns of scripts on text of their programs: matches lie inside the text, in order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "script/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = std::min(input.find('\n'), size);
  const auto pattern = cove::ScriptPattern::compile(input.substr(0, cut));
  if (!pattern.ok()) return 0;
  const auto text = input.substr(std::min(cut + 1, size));
  const auto match = pattern->find(text);
  if (match && (match->begin > match->end || match->end > text.size())) __builtin_trap();
  if ((pattern->count(text) > 0) != match.has_value()) __builtin_trap();
  return 0;
}
