// MachineChannels: what ends in an engine process: console, agent link and network, joined to the hubs of the
// supervisor, which outlive every engine; and how they move from one engine process to another without losing
// or doubling a byte (docs/design/011-hand-over.md). Owned by the supervisor; its loop's thread.
#pragma once

#include <string>

#include "base/result.h"
#include "hypervisor/machine.h"
#include "hypervisor/machine_sockets.h"
#include "net/user_network.h"
#include "supervisor/agent_keeper.h"
#include "supervisor/arrival.h"
#include "supervisor/console_hub.h"

namespace cove {

class MachineChannels {
 public:
  // All borrowed; `network` may be nullptr.
  MachineChannels(ConsoleHub& console, AgentKeeper& agent, UserNetwork* network)
      : console_(console), agent_(agent), network_(network) {}

  // A machine that was made and will be started.
  void wire(Machine& machine, Arrival arrival);
  // The machine is gone.
  void unwire();

  // A hand-over, in this order. From hold() on nothing goes in or out.
  void hold();
  // The engine has stopped and come to rest: takes back what it has not read.
  void take_unread();
  // The engine stands still: takes what it has sent, and goes on with `fresh`. The network's gate stays shut
  // until opened().
  Result<void> move_to(Machine& fresh);
  void opened();
  // Instead of move_to(): the old engine goes on after all.
  void go_on();

 private:
  ConsoleHub& console_;
  AgentKeeper& agent_;
  UserNetwork* network_;
  SocketEnds engine_;  // of the machine that is wired, as far as nobody else has them
  std::string console_unread_;
  std::string agent_unread_;
};

}  // namespace cove
