// exec_pump: joins an attached command to descriptors of this process: standard input from one, output to
// two. Blocking; the caller's thread carries output, a second one input. Descriptors are borrowed.
#pragma once

#include "agent/guest_agent_client.h"

namespace cove {

struct ExecStreams {
  int in = -1;  // -1: nothing is read, the command sees the end of its input at once
  int out = -1;
  int err = -1;
};

// Runs the session to its end. The end of `in` closes the command's input; the command's end does not wait
// for `in`.
Result<ExecEnd> pump_exec(const OpContext& ctx, ExecSession& session, const ExecStreams& streams);

}  // namespace cove
