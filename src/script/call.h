// ScriptCall: one command as it was called, for error texts and for the check of its outcome.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "script/command.h"
#include "script/parser.h"

namespace cove {

struct ScriptCall {
  std::string place;  // "FILE:LINE"
  std::string name;
  std::vector<std::string> arguments;  // expanded
  ScriptWant want = ScriptWant::kSuccess;
};

// `context deadline exceeded` or `context canceled` once the context has ended.
Result<void> check_script_context(const OpContext& context);
// "NAME ARGS" with arguments quoted where a script would have to.
std::string describe_call(const ScriptCall& call);
// "FILE:LINE: NAME ARGS: text", with the cause's code.
Error call_error(const ScriptCall& call, const Error& cause);
// The error that fails the script, or nullopt if the outcome is what the prefix wants. A context that ended
// leaves the outcome unknown, so it satisfies no `!`.
std::optional<Error> check_outcome(const ScriptState& state, const ScriptCall& call,
                                   const Result<void>& outcome);

}  // namespace cove
