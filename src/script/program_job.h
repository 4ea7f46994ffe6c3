// ScriptProgram: a program started by a script, in a process group of its own, with a thread that collects
// its output. Owned by the wait function of `exec`; the thread of the script. Its destructor ends the whole
// group. What its context ends, ends with every descendant that still stands below it, in whatever session.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/process.h"
#include "base/thread.h"
#include "script/command.h"

namespace cove {

struct ScriptProgramOptions {
  std::string path;               // the file to execute; relative ones start at `directory`
  std::vector<std::string> argv;  // argv[0] as the script wrote it
  std::vector<std::string> environment;
  std::string directory;
  std::chrono::nanoseconds grace;  // between SIGINT and SIGKILL; how long pipes may outlive the program
};

class ScriptProgram {
 public:
  // Standard input is /dev/null. The end of ctx interrupts the group, and kills it after the grace.
  // "fork/exec PATH: text" if it cannot be started; a busy executable is tried again until it is not.
  static Result<std::unique_ptr<ScriptProgram>> start(const OpContext& ctx, ScriptProgramOptions options);
  ScriptProgram(const ScriptProgram&) = delete;
  ScriptProgram& operator=(const ScriptProgram&) = delete;
  ~ScriptProgram();

  // Waits for its end, and for the end of its output, which children of the program may hold open: from now
  // on they have the grace for that. Status: `exit status N`, `signal: killed`, ...
  ScriptOutput wait();

 private:
  ScriptProgram(const OpContext& ctx, std::chrono::nanoseconds grace, Process process, UniqueFd out,
                UniqueFd err);
  void collect();

  CancelSource abandon_;  // by the destructor
  CancelSource someone_waits_;
  OpContext context_;
  std::chrono::nanoseconds grace_;
  Process process_;
  UniqueFd out_;
  UniqueFd err_;
  ScriptOutput output_;  // the thread's until it is joined
  Thread collector_;
};

}  // namespace cove
