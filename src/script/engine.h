// ScriptEngine: the commands and conditions a script may use, and the loop that runs one. Built once, then
// immutable; one engine may serve several scripts on several threads at once.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "script/command.h"

namespace cove {

// Takes the log as sections end. An error ends the script.
using ScriptLogSink = std::function<Result<void>(std::string_view)>;

enum class ScriptEnd : std::uint8_t { kLastLine, kStopped };

class ScriptEngine {
 public:
  // kQuiet: the log of sections that went well is dropped.
  enum class Verbosity : std::uint8_t { kFull, kQuiet };

  // No commands at all; see script/builtins.h.
  explicit ScriptEngine(Verbosity verbosity = Verbosity::kFull) : verbosity_(verbosity) {}

  // A later one of the same name replaces the earlier.
  void add(ScriptCommand command);
  void add(ScriptCondition condition);
  void remove_command(std::string_view name);

  // nullptr if there is none.
  const ScriptCommand* command(std::string_view name) const;
  const ScriptCondition* condition(std::string_view name) const;
  const std::map<std::string, ScriptCommand, std::less<>>& commands() const { return commands_; }
  const std::map<std::string, ScriptCondition, std::less<>>& conditions() const { return conditions_; }

  // Runs `text` to its end, `stop`, the first failing check or the end of the state's context. The error's
  // message begins with "FILE:LINE: " and has secrets masked. Background commands are left to the state's
  // owner, see ScriptState::close.
  Result<ScriptEnd> run(ScriptState& state, std::string_view file, std::string_view text,
                        const ScriptLogSink& log) const;

  // Whether the tag of a condition, e.g. "GOOS:linux", holds now.
  Result<bool> evaluate(ScriptState& state, std::string_view tag) const;

 private:
  Verbosity verbosity_;
  std::map<std::string, ScriptCommand, std::less<>> commands_;
  std::map<std::string, ScriptCondition, std::less<>> conditions_;
};

}  // namespace cove
