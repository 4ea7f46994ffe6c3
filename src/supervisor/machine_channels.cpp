#include "supervisor/machine_channels.h"

#include <utility>

#include "base/io.h"
#include "hypervisor/state_capture.h"

namespace cove {
namespace {

SocketEnds engine_ends(Machine& machine) {
  StateCapture* states = machine.states();
  return states == nullptr ? SocketEnds{} : states->take_engine_ends();
}

std::string unread_of(const UniqueFd& end) { return end ? take_unread(end.get()) : std::string(); }

}  // namespace

void MachineChannels::wire(Machine& machine, Arrival arrival) {
  engine_ = engine_ends(machine);
  console_.attach_guest(machine.take_console());
  if (UniqueFd agent = machine.take_agent()) agent_.attach(std::move(agent), arrival);
  if (network_ != nullptr) network_->attach({machine.take_net(), std::move(engine_.net)});
}

void MachineChannels::unwire() {
  agent_.detach();
  if (network_ != nullptr) network_->detach();
  console_.attach_guest({});
  engine_ = {};
  // It may have ended in the middle of a hand-over.
  console_unread_.clear();
  agent_unread_.clear();
  opened();
}

void MachineChannels::hold() {
  if (network_ != nullptr) network_->close_gate();
  console_.hold();
  agent_.hold();
}

void MachineChannels::take_unread() {
  console_unread_ += unread_of(engine_.console);
  agent_unread_ += unread_of(engine_.agent);
}

Result<void> MachineChannels::move_to(Machine& fresh) {
  SocketEnds ends = engine_ends(fresh);
  // The one that can fail, while nothing has moved yet.
  if (network_ != nullptr) COVE_TRY(network_->swap({fresh.take_net(), std::move(ends.net)}));
  console_.move_to(fresh.take_console(), std::exchange(console_unread_, {}));
  agent_.move_to(fresh.take_agent(), std::exchange(agent_unread_, {}));
  engine_ = std::move(ends);
  return {};
}

void MachineChannels::opened() {
  if (network_ != nullptr) network_->open_gate();
}

void MachineChannels::go_on() {
  console_.go_on(std::exchange(console_unread_, {}));
  agent_.go_on(std::exchange(agent_unread_, {}));
  opened();
}

}  // namespace cove
