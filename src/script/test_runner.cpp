#include "script/test_runner.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/files.h"
#include "format/txtar.h"
#include "script/os.h"
#include "script/state.h"

namespace cove {
namespace {

std::chrono::nanoseconds grace_of(const OpContext& ctx) {
  constexpr std::chrono::nanoseconds kLeast = std::chrono::milliseconds(100);
  constexpr std::chrono::nanoseconds kMost = std::chrono::seconds(10);
  const auto left = ctx.deadline.remaining();
  return left ? std::clamp(*left / 20, kLeast, kMost) : kLeast;
}

// The state's files and variables as every test finds them.
Result<void> prepare(ScriptState& state, const ScriptTestOptions& options, const TxtarArchive& archive) {
  for (const auto& secret : options.secrets) state.add_secret(secret);
  const std::string temporary = state.work_directory() + "/tmp";
  COVE_TRY(make_script_directories(temporary));
  state.set_variable("WORK", state.work_directory());
  state.set_variable("TMPDIR", temporary);
  return state.extract(archive.files);
}

// Runs the script and ends what it left behind; the first error is the test's.
Result<ScriptEnd> run_and_close(const ScriptEngine& engine, ScriptState& state, const std::string& name,
                                const std::string& script, const ScriptLogSink& log) {
  auto end = engine.run(state, name, script, log);
  auto closed = state.close(log);
  if (end.ok() && !closed.ok()) return std::move(closed).error();
  return end;
}

std::string seconds_text(std::chrono::nanoseconds span) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3fs", std::chrono::duration<double>(span).count());
  return text;
}

}  // namespace

Result<ScriptTestOutcome> run_script_test(const OpContext& ctx, const ScriptTestOptions& options,
                                          const std::filesystem::path& file) {
  const TxtarArchive archive = parse_txtar(COVE_TRY(read_file(file)));
  std::error_code error;
  const auto parent = std::filesystem::absolute(options.work_parent, error);
  if (error) return Error::from_errno(error.value(), options.work_parent.string());
  TempDir work = COVE_TRY(TempDir::create(parent, "cove-script-"));

  ScriptTestOutcome outcome;
  outcome.name = file.filename().string();
  const ScriptLogSink log = [&](std::string_view text) -> Result<void> {
    outcome.log += text;
    return options.on_log ? options.on_log(text) : Result<void>();
  };
  const auto begun = options.clock.now();
  {
    ScriptState state({.context = ctx,
                       .work_directory = work.path(),
                       .environment = options.environment,
                       .clock = options.clock,
                       .grace = grace_of(ctx)});
    COVE_TRY(prepare(state, options, archive).context(outcome.name));
    const auto end = run_and_close(options.engine, state, outcome.name, archive.comment, log);
    if (!end.ok()) {
      outcome.end = ScriptTestOutcome::End::kFailed;
      outcome.error = end.error().message();
    } else if (*end == ScriptEnd::kStopped) {
      outcome.end = ScriptTestOutcome::End::kStopped;
    }
  }
  outcome.took = options.clock.now() - begun;
  if (options.work_directory == ScriptTestOptions::WorkDirectory::kKeep) {
    outcome.work = work.release();
  } else {
    COVE_TRY(remove_script_tree(work.path().string()));
  }
  return outcome;
}

std::string format_script_test_line(const ScriptTestOutcome& outcome) {
  std::string_view word = "ok    ";
  if (outcome.end == ScriptTestOutcome::End::kStopped) word = "stop  ";
  if (outcome.end == ScriptTestOutcome::End::kFailed) word = "FAIL  ";
  return std::string(word) + outcome.name + " " + seconds_text(outcome.took) + "\n";
}

std::string format_script_test_failure(const ScriptTestOutcome& outcome, ScriptLogShown shown) {
  std::string text = outcome.error + "\n";
  if (shown == ScriptLogShown::kYes || outcome.log.empty()) return text;
  text += outcome.log;
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace cove
