// What a script engine is made of: commands and conditions. Plain tables of functions, so that commands of
// other libraries (VMs, screens) are added without touching the engine. Their functions run on the thread
// that runs the script and must be callable from several scripts' threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cove {

class ScriptState;
using ScriptArguments = std::span<const std::string>;

// What a wait function yields: both outputs, kept even when it failed.
struct ScriptOutput {
  std::string out;
  std::string err;
  Result<void> status;
};
// Called exactly once, by the engine or by `wait`; blocks until the work is done or the state's context ends.
// Dropped uncalled, it must end its work by its captured owner's destructor.
using ScriptWait = std::function<ScriptOutput(ScriptState&)>;

struct ScriptDone {};  // finished; the output buffers stay as they are
struct ScriptStop {    // ends the script well
  std::string message;
};
struct ScriptBackgroundFailed {  // what `wait` found: passes every prefix
  std::string message;
};
// Only a ScriptWait touches the buffers: it replaces both.
using ScriptStep = std::variant<ScriptDone, ScriptWait, ScriptStop, ScriptBackgroundFailed>;

// A step whose output is there already.
ScriptStep script_output(std::string out, std::string err = {});
// `invalid usage`: for commands called with wrong arguments.
Error script_usage_error();

struct ScriptCommand {
  enum class Async : std::uint8_t { kNo, kYes };  // kYes: may be put in the background, returns a ScriptWait

  std::string name;
  std::string synopsis{};              // of the arguments: "[-q] file1 file2"
  std::string summary;                 // one line
  std::vector<std::string> details{};  // paragraphs, wrapped by `help -v`
  Async async = Async::kNo;
  // Which raw arguments (quotes removed, nothing expanded) are patterns: variables in them are quoted for the
  // regexp. Indices past the end are ignored. Null = none.
  std::function<std::vector<std::size_t>(ScriptArguments)> pattern_arguments{};
  // `arguments` are expanded and live for the call only.
  std::function<Result<ScriptStep>(ScriptState&, ScriptArguments arguments)> run;
};

struct ScriptCondition {
  enum class Form : std::uint8_t { kPlain, kPrefix };  // [name] or [name:suffix]

  std::string name;
  std::string summary;
  Form form = Form::kPlain;
  std::function<Result<bool>(ScriptState&, std::string_view suffix)> eval;  // suffix is empty for kPlain
};

}  // namespace cove
