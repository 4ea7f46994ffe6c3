#include "script/call.h"

#include "script/quote.h"
#include "script/state.h"

namespace cove {

Error script_usage_error() { return Error(Code::kInvalidArgument, "invalid usage"); }

ScriptStep script_output(std::string out, std::string err) {
  return ScriptWait([out = std::move(out), err = std::move(err)](ScriptState&) {
    return ScriptOutput{out, err, {}};
  });
}

Result<void> check_script_context(const OpContext& context) {
  const auto live = context.check();
  if (live.ok()) return {};
  const bool late = live.error().code() == Code::kDeadlineExceeded;
  return Error(live.error().code(), late ? "context deadline exceeded" : "context canceled");
}

std::string describe_call(const ScriptCall& call) {
  return call.arguments.empty() ? call.name : call.name + " " + quote_arguments(call.arguments);
}

Error call_error(const ScriptCall& call, const Error& cause) {
  return Error(cause.code(), call.place + ": " + describe_call(call) + ": " + cause.message());
}

namespace {

bool is_context_end(const ScriptState& state, const Error& error) {
  const bool end_code = error.code() == Code::kCancelled || error.code() == Code::kDeadlineExceeded;
  return end_code && !state.check_context().ok();
}

}  // namespace

std::optional<Error> check_outcome(const ScriptState& state, const ScriptCall& call,
                                   const Result<void>& outcome) {
  if (outcome.ok()) {
    if (call.want != ScriptWant::kFailure) return std::nullopt;
    return call_error(call, Error(Code::kFailedPrecondition, "unexpected success"));
  }
  const bool unknown = call.want == ScriptWant::kFailure && is_context_end(state, outcome.error());
  if (call.want == ScriptWant::kSuccess || unknown) return call_error(call, outcome.error());
  return std::nullopt;
}

}  // namespace cove
