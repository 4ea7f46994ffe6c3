// Runs one command in a guest with this process's streams: input, output, signals, window size. The calling
// thread carries output, a second one the input, a third one signals, which a full input must not hold up.
// Blocking.
#pragma once

#include <memory>

#include "agent/guest_agent_client.h"
#include "cli/passed_signals.h"

namespace cove {

struct ExecRunOptions {
  int in = 0;  // -1: the command reads nothing
  int out = 1;
  int err = 2;
  // Sent on to the command as what they are. Three that ask for its end (INT, TERM, QUIT, HUP) within three
  // seconds end it by force.
  const PassedSignals* signals = nullptr;
  // For a caller that shall end itself: an interrupt to the command, which is killed if it still runs after
  // `grace`.
  CancelToken interrupted{};
  std::chrono::nanoseconds grace = std::chrono::seconds(5);
  // The terminal whose size the command's PTY follows, told by `signals`; -1: no PTY.
  int terminal = -1;
};

// The end of `in` closes the command's input; the command's end does not wait for `in`. An output that nobody
// reads any more (EPIPE) ends the command, as if by SIGPIPE.
// `kill` is what the session was attached with (a cancel of that context ends the command at once).
Result<ExecEnd> run_exec_session(Deadline deadline, const CancelSource& kill, ExecSession& session,
                                 const ExecRunOptions& options);

// The exit status of a command that its timeout ended.
inline constexpr int kTimedOut = 124;
// What a shell would say: 124 for a timeout, 128+N for a signal, else the command's own.
int exec_exit_status(const ExecEnd& end);

}  // namespace cove
