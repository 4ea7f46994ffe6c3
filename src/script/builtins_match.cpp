#include <algorithm>

#include "base/strings.h"
#include "script/builtins_internal.h"
#include "script/os.h"
#include "script/pattern.h"
#include "script/quote.h"
#include "script/state.h"

namespace cove::internal {
namespace {

enum class Subject : std::uint8_t { kStdout, kStderr, kFile };

struct MatchFlags {
  std::int64_t count = 0;  // 0 = any
  bool quiet = false;
};

Result<std::int64_t> parse_count(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  const auto value = parse_i64(text.starts_with('+') ? digits : text);
  if (!number || !value) {
    const std::string_view why = number ? "value out of range" : "invalid syntax";
    return Error(Code::kInvalidArgument,
                 "bad -count=: strconv.Atoi: parsing " + quote_double(text) + ": " + std::string(why));
  }
  if (*value < 1) return Error(Code::kInvalidArgument, "bad -count=: must be at least 1");
  return *value;
}

// Takes the flags off the front, in the only order they may have.
Result<MatchFlags> take_flags(ScriptArguments& arguments) {
  constexpr std::string_view kCount = "-count=";
  MatchFlags flags;
  if (!arguments.empty() && arguments[0].starts_with(kCount)) {
    flags.count = COVE_TRY(parse_count(std::string_view(arguments[0]).substr(kCount.size())));
    arguments = arguments.subspan(1);
  }
  if (!arguments.empty() && arguments[0] == "-q") {
    flags.quiet = true;
    arguments = arguments.subspan(1);
  }
  return flags;
}

// The whole lines that a match touches.
std::string_view lines_around(std::string_view text, ScriptPattern::Match match) {
  while (match.begin > 0 && text[match.begin - 1] != '\n') --match.begin;
  while (match.end < text.size() && text[match.end] != '\n') ++match.end;
  std::string_view lines = text.substr(match.begin, match.end - match.begin);
  if (lines.ends_with('\n')) lines.remove_suffix(1);
  return lines;
}

Result<ScriptStep> run_match(ScriptState& state, ScriptArguments arguments, Subject subject) {
  const MatchFlags flags = COVE_TRY(take_flags(arguments));
  if (arguments.size() != (subject == Subject::kFile ? 2U : 1U)) return script_usage_error();
  const ScriptPattern pattern = COVE_TRY(ScriptPattern::compile(arguments[0]));
  std::string text = state.out();
  std::string name = "stdout";
  if (subject == Subject::kStderr) {
    text = state.err();
    name = "stderr";
  } else if (subject == Subject::kFile) {
    name = arguments[1];
    text = COVE_TRY(read_script_file(state, state.path(name)));
  }
  const auto fail = [&](const std::string& found) {
    return Error(Code::kFailedPrecondition, found + " for " + quote_back(pattern.shown()) + " in " + name);
  };
  if (flags.count > 0) {
    const std::size_t found = pattern.count(text);
    if (found != static_cast<std::size_t>(flags.count))
      return fail("found " + std::to_string(found) + " matches");
    return ScriptStep(ScriptDone{});
  }
  const auto match = pattern.find(text);
  if (!match) return fail("no match");
  if (!flags.quiet) state.log("matched: " + std::string(lines_around(text, *match)) + "\n");
  return ScriptStep(ScriptDone{});
}

// The first argument that is no flag; after `--` the next one.
std::vector<std::size_t> pattern_argument(ScriptArguments raw) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (!raw[i].starts_with('-')) return {i};
    if (raw[i] == "--") return {i + 1};
  }
  return {};
}

ScriptCommand match_command(const std::string& name, Subject subject) {
  const bool file = subject == Subject::kFile;
  return ScriptCommand{
      .name = name,
      .synopsis = file ? "[-count=N] [-q] pattern file" : "[-count=N] [-q] pattern",
      .summary =
          file ? "check that a file matches a pattern" : "check that the last " + name + " matches a pattern",
      .details =
          {"The pattern is a regular expression of the RE2 dialect in multi-line mode; variables in it "
           "stand for themselves.",
           "With -count=N it must match exactly N times. Without, the lines that match are logged, "
           "unless -q is given."},
      .pattern_arguments = pattern_argument,
      .run = [subject](ScriptState& state, ScriptArguments words) {
        return run_match(state, words, subject);
      }};
}

}  // namespace

void add_match_commands(ScriptEngine& engine) {
  engine.add(match_command("grep", Subject::kFile));
  engine.add(match_command("stdout", Subject::kStdout));
  engine.add(match_command("stderr", Subject::kStderr));
}

}  // namespace cove::internal
