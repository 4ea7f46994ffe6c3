// The lexer and parser of one script line. Pure functions; words refer to the line they were cut from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove {

enum class ScriptWant : std::uint8_t { kSuccess, kFailure, kEither };  // no prefix, `!`, `?`

// Words are lists of pieces: quoted ones are literal, plain ones are expanded.
struct ScriptPiece {
  std::string_view text;
  enum class Kind : std::uint8_t { kPlain, kQuoted } kind = Kind::kPlain;
};
using ScriptWord = std::vector<ScriptPiece>;

struct ScriptGuard {  // [tag] or [!tag]
  std::string_view tag;
  enum class Wanted : std::uint8_t { kTrue, kFalse } wanted = Wanted::kTrue;
};

struct ScriptLine {
  ScriptWant want = ScriptWant::kSuccess;
  std::vector<ScriptGuard> guards;
  std::string_view name;
  std::vector<ScriptWord> arguments;
  enum class Ground : std::uint8_t { kForeground, kBackground } ground = Ground::kForeground;
};

// nullopt for a blank line or one with a comment only. The line has no LF; no byte is special but blanks,
// tabs, CR, `#` and `'`.
Result<std::optional<ScriptLine>> parse_script_line(std::string_view line);

}  // namespace cove
