#include <algorithm>
#include <vector>

#include "script/builtins_internal.h"
#include "script/quote.h"
#include "script/state.h"

namespace cove::internal {
namespace {

// The text in lines of at most 60 columns, each after a tab; a longer word stays whole.
std::string wrapped(std::string_view text) {
  constexpr std::size_t kColumns = 60;
  std::string result;
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.size() > kColumns) {
    auto cut = text.rfind(' ', kColumns);
    if (cut == std::string_view::npos) cut = text.find(' ');
    if (cut == std::string_view::npos) break;
    result += "\t" + std::string(text.substr(0, cut)) + "\n";
    text.remove_prefix(cut + 1);
  }
  return result + "\t" + std::string(text) + "\n";
}

enum class Details : std::uint8_t { kNo, kYes };

std::string command_help(const ScriptCommand& command, Details details) {
  std::string text = command.name + " " + command.synopsis;
  if (command.async == ScriptCommand::Async::kYes) text += " [&]";
  text += "\n\t" + command.summary + "\n";
  if (details == Details::kNo) return text;
  text += "\n";
  for (const auto& paragraph : command.details) text += wrapped(paragraph);
  return text + "\n";
}

// `tag` may have a suffix.
std::string condition_help(ScriptState& state, const ScriptCondition& condition, const std::string& tag) {
  const bool bare_prefix =
      condition.form == ScriptCondition::Form::kPrefix && tag.find(':') == std::string::npos;
  std::string text = "[" + tag + (bare_prefix ? ":*]" : "]");
  if (!bare_prefix) {
    const auto active = state.engine()->evaluate(state, tag);
    if (active.ok() && *active) text += " (active)";
  }
  return text + "\n\t" + condition.summary + "\n";
}

std::string all_help(ScriptState& state, Details details) {
  const ScriptEngine& engine = *state.engine();
  std::string text;
  if (!engine.conditions().empty()) {
    text += "conditions:\n\n";
    for (const auto& [name, condition] : engine.conditions()) text += condition_help(state, condition, name);
  }
  text += "\ncommands:\n\n";
  for (const auto& [name, command] : engine.commands()) text += command_help(command, details);
  return text;
}

// The conditions named, up to the first one the engine does not know or whose form does not fit.
std::string conditions_help(ScriptState& state, const std::vector<std::string>& tags) {
  std::string text;
  for (const auto& tag : tags) {
    const auto colon = tag.find(':');
    const ScriptCondition* condition = state.engine()->condition(std::string_view(tag).substr(0, colon));
    const bool suffix = colon != std::string::npos;
    if (condition == nullptr || (suffix && condition->form == ScriptCondition::Form::kPlain)) break;
    text += condition_help(state, *condition, tag);
  }
  return text;
}

Result<ScriptStep> run_help(ScriptState& state, ScriptArguments arguments) {
  const Details details = arguments.empty() ? Details::kNo : Details::kYes;
  if (!arguments.empty() && arguments[0] == "-v") arguments = arguments.subspan(1);
  if (arguments.empty()) return script_output(all_help(state, details));
  std::vector<std::string> tags;
  std::string commands;
  for (const auto& name : arguments) {
    if (name.starts_with('[') && name.ends_with(']')) {
      tags.push_back(name.substr(1, name.size() - 2));
      continue;
    }
    const ScriptCommand* command = state.engine()->command(name);
    if (command == nullptr) return Error(Code::kNotFound, "unknown command " + quote_double(name));
    commands += command_help(*command, details);
  }
  return script_output(conditions_help(state, tags) + commands);
}

}  // namespace

void add_help_command(ScriptEngine& engine) {
  engine.add(ScriptCommand{.name = "help",
                           .synopsis = "[-v] name...",
                           .summary = "show how commands and conditions are used",
                           .details = {"A condition is named in brackets: help [GOOS]. Without names all are "
                                       "listed; -v adds the details."},
                           .run = run_help});
}

}  // namespace cove::internal
