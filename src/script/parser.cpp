#include "script/parser.h"

#include <utility>

#include "base/strings.h"

namespace cove {
namespace {

using Kind = ScriptPiece::Kind;

Error syntax_error(std::string message) { return Error(Code::kInvalidArgument, std::move(message)); }

bool is_separator(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#'; }

// Collects words into a line as the lexer finishes them.
class LineBuilder {
 public:
  Result<void> take(ScriptWord word) {
    if (word.empty()) return {};
    if (line_.name.empty() && word.size() == 1 && word[0].kind == Kind::kPlain)
      return take_head(word[0].text);
    line_.arguments.push_back(std::move(word));
    return {};
  }

  Result<std::optional<ScriptLine>> finish() && {
    if (line_.name.empty()) {
      if (has_want_ || !line_.guards.empty() || !line_.arguments.empty())
        return syntax_error("missing command");
      return std::optional<ScriptLine>();
    }
    if (!line_.arguments.empty()) {
      const ScriptWord& last = line_.arguments.back();
      if (last.size() == 1 && last[0].kind == Kind::kPlain && last[0].text == "&") {
        line_.ground = ScriptLine::Ground::kBackground;
        line_.arguments.pop_back();
      }
    }
    return std::optional<ScriptLine>(std::move(line_));
  }

 private:
  // A plain word before the command name is known: prefix, condition or the name.
  Result<void> take_head(std::string_view text) {
    if (text == "!" || text == "?") {
      if (has_want_) return syntax_error("duplicated '!' or '?' token");
      has_want_ = true;
      line_.want = text == "!" ? ScriptWant::kFailure : ScriptWant::kEither;
    } else if (text.starts_with('[') && text.ends_with(']')) {
      ScriptGuard guard{trim(text.substr(1, text.size() - 2))};
      if (guard.tag.starts_with('!')) {
        guard.wanted = ScriptGuard::Wanted::kFalse;
        guard.tag = trim(guard.tag.substr(1));
      }
      if (guard.tag.empty()) return syntax_error("empty condition");
      line_.guards.push_back(guard);
    } else {
      line_.name = text;
    }
    return {};
  }

  ScriptLine line_;
  bool has_want_ = false;
};

}  // namespace

Result<std::optional<ScriptLine>> parse_script_line(std::string_view line) {
  LineBuilder builder;
  ScriptWord word;
  std::optional<std::size_t> start;  // of the current piece
  bool quoted = false;
  const auto close_piece = [&](std::size_t end, Kind kind) {
    word.push_back({line.substr(*start, end - *start), kind});
    start.reset();
  };
  for (std::size_t i = 0;; ++i) {
    const bool at_end = i >= line.size();
    if (!quoted && (at_end || is_separator(line[i]))) {
      if (start) close_piece(i, Kind::kPlain);
      COVE_TRY(builder.take(std::exchange(word, {})));
      if (at_end || line[i] == '#') return std::move(builder).finish();
      continue;
    }
    if (at_end) return syntax_error("unterminated quoted argument");
    if (line[i] != '\'') {
      if (!start) start = i;
    } else if (!quoted) {
      if (start) close_piece(i, Kind::kPlain);
      start = i + 1;
      quoted = true;
    } else {
      close_piece(i, Kind::kQuoted);
      if (i + 1 < line.size() && line[i + 1] == '\'') {
        start = ++i;  // two quotes inside quotes: the second begins the next quoted piece, literally
      } else {
        start = i + 1;
        quoted = false;
      }
    }
  }
}

}  // namespace cove
