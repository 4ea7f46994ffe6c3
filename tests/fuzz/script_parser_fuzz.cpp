// Any line parses or is refused; its words lie within it, expand, and can be written so that they parse
// again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "script/expand.h"
#include "script/parser.h"
#include "script/pattern.h"
#include "script/quote.h"

namespace {

void check_word(const cove::ScriptWord& word) {
  std::string text;
  for (const auto& piece : word) text += piece.text;
  const std::vector<std::string> words = {"x", "'" + text, text};
  const std::string line = "x " + cove::quote_arguments(words);
  const auto again = cove::parse_script_line(line);
  COVE_CHECK(again.ok() && again->has_value());
  static_cast<void>(cove::unescape(text).ok());
  if (text.size() < 200) static_cast<void>(cove::ScriptPattern::compile(text).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  static const cove::ScriptEnvironment environment({"A=1", "B_2=$A", "a b=c"});
  std::string expanded;
  cove::append_expanded(expanded, line, environment, cove::ScriptExpansion::kPattern);
  const auto parsed = cove::parse_script_line(line);
  if (!parsed.ok() || !parsed->has_value()) return 0;
  COVE_CHECK(!(*parsed)->name.empty());
  for (const auto& word : (*parsed)->arguments) check_word(word);
  return 0;
}
