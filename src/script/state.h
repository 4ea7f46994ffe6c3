// ScriptState: one run of a script: its directories, environment, output buffers, log and background
// commands. Owned by whoever runs the script; one thread at a time. Its destructor ends what still runs in
// the background without a report; close() ends it with one.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "format/txtar.h"
#include "script/call.h"
#include "script/command.h"
#include "script/engine.h"
#include "script/environment.h"
#include "script/expand.h"
#include "script/secrets.h"

namespace cove {

struct ScriptStateOptions {
  OpContext context{};
  std::filesystem::path work_directory;  // absolute, existing; fixed for the run
  std::vector<std::string> environment;  // "K=V", the last of a name wins; PWD is set by the state
  Clock& clock;                          // for `sleep` and the times in the log
  std::chrono::nanoseconds grace = std::chrono::milliseconds(100);  // between SIGINT and SIGKILL
};

struct ScriptBackground {
  ScriptCall call;
  ScriptWait wait;
};

class ScriptState {
 public:
  explicit ScriptState(const ScriptStateOptions& options);
  ScriptState(const ScriptState&) = delete;
  ScriptState& operator=(const ScriptState&) = delete;
  ~ScriptState();

  // Ends with the caller's context and with close().
  const OpContext& context() const { return context_; }
  Clock& clock() { return clock_; }
  std::chrono::nanoseconds grace() const { return grace_; }
  // `context deadline exceeded` or `context canceled` once the context has ended.
  Result<void> check_context() const;

  const std::string& work_directory() const { return work_directory_; }
  const std::string& directory() const { return directory_; }
  // Absolute and lexically clean; relative ones start at directory().
  std::string path(std::string_view name) const;
  Result<void> change_directory(std::string_view name);

  const ScriptEnvironment& environment() const { return environment_; }
  // A value whose name says password, token or secret becomes a secret.
  void set_variable(std::string_view name, std::string_view value);
  std::string expand(std::string_view text, ScriptExpansion expansion) const;

  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  void set_output(std::string out, std::string err);

  // Adds to the log as it is; it leaves the state, masked, when the section ends.
  void log(std::string_view text) { log_ += text; }
  // The "[stdout]" and "[stderr]" blocks of a command.
  void log_output(const ScriptOutput& output);
  // The log so far, masked; empties it.
  std::string take_log();
  bool log_empty() const { return log_.empty(); }

  // Never shown in logs and errors from now on; any length but 0.
  void add_secret(std::string_view value) { secrets_.add(value); }
  std::string mask(std::string text) const { return secrets_.mask(std::move(text)); }

  // Writes the files under the work directory; names are expanded. The last of a name wins.
  Result<void> extract(const std::vector<TxtarFile>& files);

  void add_background(ScriptBackground command) { background_.push_back(std::move(command)); }
  // Waits for all in the order of their start and logs each; both buffers then hold what they wrote. The
  // messages of those that failed their checks, joined by LF; empty if none.
  std::string wait_for_background();
  // Cancels the context, waits for the background, writes the rest of the log. An error says which ended
  // unexpectedly.
  Result<void> close(const ScriptLogSink& log);

  // The engine that runs this state now, for `help`; nullptr between runs.
  const ScriptEngine* engine() const { return engine_; }
  void set_engine(const ScriptEngine* engine) { engine_ = engine; }

 private:
  CancelSource closing_;
  OpContext context_;
  Clock& clock_;
  std::chrono::nanoseconds grace_;
  std::string work_directory_;
  std::string directory_;
  ScriptEnvironment environment_;
  ScriptSecrets secrets_;
  std::string out_;
  std::string err_;
  std::string log_;
  std::vector<ScriptBackground> background_;
  const ScriptEngine* engine_ = nullptr;
};

}  // namespace cove
