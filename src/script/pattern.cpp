#include "script/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "script/utf8.h"

namespace cove {

struct ScriptPattern::Compiled {
  re2::RE2 expression;
};

namespace {

std::string_view error_text(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return "internal error";
  }
}

Error pattern_error(std::string_view what, std::string_view part) {
  return Error(Code::kInvalidArgument,
               "error parsing regexp: " + std::string(what) + ": `" + std::string(part) + "`");
}

// Evens out what the library and the dialect disagree on: `(?<name>` is written `(?P<name>`, `\C` is refused.
// Whatever is malformed passes, for the library to report.
class Translator {
 public:
  explicit Translator(std::string_view source) : rest_(source) {}

  Result<std::string> translate() {
    while (!rest_.empty()) {
      if (rest_.starts_with("\\Q")) {
        take(std::min(rest_.find("\\E"), rest_.size()));
      } else if (rest_.starts_with("\\C")) {
        return pattern_error("invalid escape sequence", "\\C");
      } else if (rest_.front() == '\\') {
        take(2);
      } else if (rest_.front() == '[') {
        take_class();
      } else if (rest_.starts_with("(?<") && !rest_.starts_with("(?<=") && !rest_.starts_with("(?<!")) {
        result_ += "(?P<";
        rest_.remove_prefix(3);
      } else {
        take(1);
      }
    }
    return std::move(result_);
  }

 private:
  void take(std::size_t count) {
    count = std::min(count, rest_.size());
    result_ += rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  // "[...]", in which a `]` right at the beginning is a member.
  void take_class() {
    take(rest_.starts_with("[^") ? 2 : 1);
    if (rest_.starts_with(']')) take(1);
    while (!rest_.empty() && rest_.front() != ']') {
      const auto named = rest_.starts_with("[:") ? rest_.find(":]") : std::string_view::npos;
      if (named != std::string_view::npos) {
        take(named + 2);
      } else {
        take(rest_.front() == '\\' ? 2 : 1);
      }
    }
    take(1);
  }

  std::string_view rest_;
  std::string result_;
};

// A text made valid: each byte that is no UTF-8 stands as U+FFFD. Matches are mapped back to the original.
class ValidText {
 public:
  explicit ValidText(std::string_view original) : original_(original) {
    std::size_t good = 0;
    while (good < original.size()) {
      const CodePoint point = first_code_point(original.substr(good));
      if (!point.valid()) break;
      good += point.bytes;
    }
    if (good == original.size()) return;
    replaced_ = original.substr(0, good);
    for (auto rest = original.substr(good); !rest.empty();) {
      const CodePoint point = first_code_point(rest);
      if (!point.valid()) stretched_.push_back(replaced_.size());
      append_utf8(replaced_, point.value);
      rest.remove_prefix(point.bytes);
    }
  }

  std::string_view text() const { return stretched_.empty() ? original_ : std::string_view(replaced_); }
  // Where a place in text() is in the original: each replacement before it took two bytes more.
  std::size_t original_at(std::size_t at) const {
    const auto before = std::lower_bound(stretched_.begin(), stretched_.end(), at) - stretched_.begin();
    return at - 2 * static_cast<std::size_t>(before);
  }

 private:
  std::string_view original_;
  std::string replaced_;
  std::vector<std::size_t> stretched_;  // where the replacements are, ascending
};

std::optional<ScriptPattern::Match> match_from(const re2::RE2& expression, std::string_view text,
                                               std::size_t from) {
  re2::StringPiece found;
  const re2::StringPiece whole(text.data(), text.size());
  if (!expression.Match(whole, from, text.size(), re2::RE2::UNANCHORED, &found, 1)) return std::nullopt;
  const auto begin = static_cast<std::size_t>(found.data() - text.data());
  return ScriptPattern::Match{begin, begin + found.size()};
}

}  // namespace

ScriptPattern::ScriptPattern(std::unique_ptr<Compiled> compiled, std::string shown)
    : compiled_(std::move(compiled)), shown_(std::move(shown)) {}
ScriptPattern::ScriptPattern(ScriptPattern&&) noexcept = default;
ScriptPattern& ScriptPattern::operator=(ScriptPattern&&) noexcept = default;
ScriptPattern::~ScriptPattern() = default;

Result<ScriptPattern> ScriptPattern::compile(std::string_view expression) {
  const std::string translated = COVE_TRY(Translator(expression).translate());
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(std::int64_t{64} << 20);
  auto compiled = std::unique_ptr<Compiled>(new Compiled{{"(?m)" + translated, options}});
  const re2::RE2& made = compiled->expression;
  if (!made.ok()) return pattern_error(error_text(made.error_code()), made.error_arg());
  return ScriptPattern(std::move(compiled), "(?m)" + std::string(expression));
}

std::optional<ScriptPattern::Match> ScriptPattern::find(std::string_view text) const {
  const ValidText valid(text.data() == nullptr ? std::string_view("") : text);
  const auto match = match_from(compiled_->expression, valid.text(), 0);
  if (!match) return std::nullopt;
  return Match{valid.original_at(match->begin), valid.original_at(match->end)};
}

std::size_t ScriptPattern::count(std::string_view original) const {
  const ValidText valid(original.data() == nullptr ? std::string_view("") : original);
  const std::string_view text = valid.text();
  std::size_t total = 0;
  std::optional<std::size_t> previous_end;
  for (std::size_t at = 0; at <= text.size();) {
    const auto match = match_from(compiled_->expression, text, at);
    if (!match) break;
    const bool empty_after_match = match->begin == match->end && previous_end == match->begin;
    if (!empty_after_match) ++total;
    previous_end = match->end;
    if (match->end > at) {
      at = match->end;
    } else {
      at += at < text.size() ? first_code_point(text.substr(at)).bytes : 1;
    }
  }
  return total;
}

}  // namespace cove
