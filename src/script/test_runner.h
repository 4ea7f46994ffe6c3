// Runs one txtar file as a test: a fresh work directory, the archive's files in it, the comment as the
// script. Any thread; several tests may run at once on one engine.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "script/engine.h"

namespace cove {

struct ScriptTestOptions {
  enum class WorkDirectory : std::uint8_t { kRemove, kKeep };

  const ScriptEngine& engine;
  Clock& clock;
  std::filesystem::path work_parent;     // where work directories are made: the caller's $TMPDIR or /tmp
  std::vector<std::string> environment;  // the caller's; PWD, WORK and TMPDIR=$WORK/tmp are set over it
  std::vector<std::string> secrets{};
  WorkDirectory work_directory = WorkDirectory::kRemove;
  // Gets the engine's log while it is made, section by section; null = nobody.
  ScriptLogSink on_log{};
};

struct ScriptTestOutcome {
  enum class End : std::uint8_t { kPassed, kStopped, kFailed };  // kStopped is a pass that `stop` ended
  End end = End::kPassed;
  std::string name;   // base name of the file
  std::string error;  // kFailed: "NAME:LINE: ...", without LF at the end
  std::string log;    // as the engine wrote it, secrets masked
  std::chrono::nanoseconds took{};
  std::filesystem::path work;  // with kKeep: where the files are

  bool passed() const { return end != End::kFailed; }
};

// An error only when the test could not be begun: unreadable file, no work directory. The end of ctx fails
// the test: its programs and their children get SIGINT, and SIGKILL after a grace of 5 % of the time that was
// left (100 ms at least, 10 s at most).
Result<ScriptTestOutcome> run_script_test(const OpContext& ctx, const ScriptTestOptions& options,
                                          const std::filesystem::path& file);

// "ok    NAME 0.012s", "stop  NAME 0.012s", "FAIL  NAME 0.012s", with LF.
std::string format_script_test_line(const ScriptTestOutcome& outcome);
// For standard error: the error line, then the log if the user has not seen it yet, each ending with LF.
enum class ScriptLogShown : std::uint8_t { kNo, kYes };
std::string format_script_test_failure(const ScriptTestOutcome& outcome, ScriptLogShown shown);

}  // namespace cove
