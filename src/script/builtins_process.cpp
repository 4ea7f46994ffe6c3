#include <sys/stat.h>

#include <memory>

#include "base/strings.h"
#include "format/duration.h"
#include "script/builtins_internal.h"
#include "script/program_job.h"
#include "script/quote.h"
#include "script/state.h"

namespace cove::internal {
namespace {

// The program a name without a slash stands for, by the script's own PATH.
Result<std::string> find_program(const ScriptState& state, const std::string& name) {
  for (const auto directory : split(state.environment().get("PATH"), ':')) {
    if (directory.empty()) continue;
    std::string path = state.path(directory) + "/" + name;
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111U) != 0) {
      return path;
    }
  }
  return Error(Code::kNotFound, "exec: " + quote_double(name) + ": executable file not found in $PATH");
}

Result<ScriptStep> run_exec(ScriptState& state, ScriptArguments arguments) {
  if (arguments.empty()) return script_usage_error();
  const std::string& name = arguments[0];
  std::string path = name.find('/') != std::string::npos ? name : COVE_TRY(find_program(state, name));
  std::shared_ptr<ScriptProgram> program =
      COVE_TRY(ScriptProgram::start(state.context(), {.path = std::move(path),
                                                      .argv = {arguments.begin(), arguments.end()},
                                                      .environment = state.environment().list(),
                                                      .directory = state.directory(),
                                                      .grace = state.grace()}));
  return ScriptStep(ScriptWait([program](ScriptState&) { return program->wait(); }));
}

Result<ScriptStep> run_sleep(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() != 1) return script_usage_error();
  const auto span = COVE_TRY(parse_duration(arguments[0]));
  const auto begun = state.clock().now();
  return ScriptStep(ScriptWait([span, begun](ScriptState& waiting) {
    const auto left = span - (waiting.clock().now() - begun);
    ScriptOutput output;
    if (left > left.zero() && !waiting.clock().sleep(waiting.context(), left).ok()) {
      output.status = waiting.check_context();
    }
    return output;
  }));
}

Result<ScriptStep> run_stop(ScriptState&, ScriptArguments arguments) {
  if (arguments.size() > 1) return script_usage_error();
  return ScriptStep(ScriptStop{arguments.empty() ? std::string() : arguments[0]});
}

Result<ScriptStep> run_wait(ScriptState& state, ScriptArguments arguments) {
  if (!arguments.empty()) return script_usage_error();
  std::string failures = state.wait_for_background();
  if (failures.empty()) return ScriptStep(ScriptDone{});
  return ScriptStep(ScriptBackgroundFailed{std::move(failures)});
}

}  // namespace

void add_process_commands(ScriptEngine& engine) {
  engine.add(
      ScriptCommand{.name = "exec",
                    .synopsis = "program [args...]",
                    .summary = "run a program and wait for it",
                    .details = {"A name without a slash is looked up in the script's $PATH. There is no "
                                "shell and nothing on standard input."},
                    .async = ScriptCommand::Async::kYes,
                    .run = run_exec});
  engine.add(ScriptCommand{.name = "sleep",
                           .synopsis = "duration",
                           .summary = "do nothing for a while",
                           .details = {"The duration is written like 300ms, 1.5s or 1h2m."},
                           .async = ScriptCommand::Async::kYes,
                           .run = run_sleep});
  engine.add(ScriptCommand{.name = "stop",
                           .synopsis = "[msg]",
                           .summary = "end the script here; it counts as passed",
                           .details = {"The message is logged."},
                           .run = run_stop});
  engine.add(
      ScriptCommand{.name = "wait",
                    .summary = "wait for all background commands",
                    .details = {"Fails if one of them did not end as its prefix wanted. Afterwards stdout "
                                "and stderr hold what they wrote, in the order they were started."},
                    .run = run_wait});
}

}  // namespace cove::internal
