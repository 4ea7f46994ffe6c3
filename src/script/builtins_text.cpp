#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "script/builtins_internal.h"
#include "script/diff.h"
#include "script/os.h"
#include "script/quote.h"
#include "script/state.h"

namespace cove::internal {
namespace {

enum class Compare : std::uint8_t { kAsIs, kExpanded };

Result<ScriptStep> compare(ScriptState& state, ScriptArguments arguments, Compare how) {
  const bool quiet = !arguments.empty() && arguments[0] == "-q";
  if (quiet) arguments = arguments.subspan(1);
  if (arguments.size() != 2) return script_usage_error();
  const std::string& name1 = arguments[0];
  const std::string& name2 = arguments[1];
  std::string text1 = name1 == "stdout"   ? state.out()
                      : name1 == "stderr" ? state.err()
                                          : COVE_TRY(read_script_file(state, state.path(name1)));
  std::string text2 = COVE_TRY(read_script_file(state, state.path(name2)));
  if (how == Compare::kExpanded) {
    text1 = state.expand(text1, ScriptExpansion::kPlain);
    text2 = state.expand(text2, ScriptExpansion::kPlain);
  }
  if (text1 == text2) return ScriptStep(ScriptDone{});
  if (!quiet) state.log(unified_diff(name1, text1, name2, text2) + "\n");
  return Error(Code::kFailedPrecondition, name1 + " and " + name2 + " differ");
}

Result<ScriptStep> run_echo(ScriptState&, ScriptArguments arguments) {
  return script_output(join({arguments.begin(), arguments.end()}, " ") + "\n");
}

Result<ScriptStep> run_env(ScriptState& state, ScriptArguments arguments) {
  std::string out;
  if (arguments.empty()) {
    for (const auto& entry : state.environment().list()) out += entry + "\n";
    return script_output(std::move(out));
  }
  for (const auto& argument : arguments) {
    const std::string_view word = argument;
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) {
      out += argument + "=" + std::string(state.environment().get(word)) + "\n";
    } else {
      state.set_variable(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  if (out.empty()) return ScriptStep(ScriptDone{});
  return script_output(std::move(out));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// One pass: at each position the first pair that matches wins; what was put in is not looked at again. An
// empty `old` matches everywhere, but not twice at one place.
std::string replace_all(std::string_view text, const Pairs& pairs) {
  std::string result;
  bool was_empty_match = false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::string_view rest = text.substr(at);
    const std::pair<std::string, std::string>* match = nullptr;
    for (const auto& pair : pairs) {
      if (rest.starts_with(pair.first) && !(pair.first.empty() && was_empty_match)) {
        match = &pair;
        break;
      }
    }
    was_empty_match = match != nullptr && match->first.empty();
    if (match != nullptr) {
      result += match->second;
      at += match->first.size();
    } else {
      if (!rest.empty()) result += rest.front();
      ++at;
    }
  }
  return result;
}

Result<ScriptStep> run_replace(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() % 2 != 1) return script_usage_error();
  Pairs pairs;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    std::string from = COVE_TRY(unescape(arguments[i]));
    pairs.emplace_back(std::move(from), COVE_TRY(unescape(arguments[i + 1])));
  }
  const std::string path = state.path(arguments.back());
  const std::string text = COVE_TRY(read_script_file(state, path));
  COVE_TRY(write_script_file(path, replace_all(text, pairs), 0666));
  return ScriptStep(ScriptDone{});
}

}  // namespace

void add_text_commands(ScriptEngine& engine) {
  engine.add(ScriptCommand{
      .name = "cmp",
      .synopsis = "[-q] file1 file2",
      .summary = "check that two files are the same",
      .details = {"file1 may be stdout or stderr: what the last command wrote. Differences are logged unless "
                  "-q is given."},
      .run = [](ScriptState& state, ScriptArguments words) {
        return compare(state, words, Compare::kAsIs);
      }});
  engine.add(ScriptCommand{.name = "cmpenv",
                           .synopsis = "[-q] file1 file2",
                           .summary = "check that two files are the same once their variables are expanded",
                           .details = {"Like cmp, with $NAME and ${NAME} expanded in both files first."},
                           .run = [](ScriptState& state, ScriptArguments words) {
                             return compare(state, words, Compare::kExpanded);
                           }});
  engine.add(ScriptCommand{.name = "echo",
                           .synopsis = "string...",
                           .summary = "write the arguments, a blank between them, to stdout",
                           .run = run_echo});
  engine.add(ScriptCommand{.name = "env",
                           .synopsis = "[key[=value]...]",
                           .summary = "set or show variables",
                           .details = {"key=value sets, key shows; without arguments all are shown."},
                           .run = run_env});
  engine.add(
      ScriptCommand{.name = "replace",
                    .synopsis = "[old new]... file",
                    .summary = "replace strings in a file",
                    .details = {"old and new may hold the escapes of a Go string: \\n, \\t, \\x41, ..."},
                    .run = run_replace});
}

}  // namespace cove::internal
