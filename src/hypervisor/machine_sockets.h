// MachineSockets: one fresh socketpair per channel of a machine, made with it. The host's ends and the spare
// ones are handed out, the engine's ends go to the engine process. Loop thread.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "model/machine_spec.h"

namespace cove {

struct SocketEnds {
  UniqueFd console;
  UniqueFd agent;
  UniqueFd net;
};

struct MachineSockets {
  SocketEnds host;    // non-blocking
  SocketEnds engine;  // only the channels the machine has a device for
  SocketEnds spare;   // duplicates of the engine's, to take back what it leaves unread
  static Result<MachineSockets> create(const MachineSpec& spec);
};

}  // namespace cove
