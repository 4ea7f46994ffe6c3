// MachineState: what a VM is doing, as shown to users and sent on the wire. Always derived from live evidence
// (lock, process, QMP, files) at the moment of asking; never stored.
#pragma once

#include <optional>
#include <string_view>

namespace cove {

enum class MachineState : unsigned char {
  kCreating,   // being installed: the creation lock is held, or it was interrupted (up and delete handle it)
  kStopped,    // nothing runs, it can be started
  kStarting,   // a supervisor holds the lock; the guest's CPUs have not run yet
  kRunning,    // vCPUs run
  kPaused,     // vCPUs stand still on request, or because of an I/O error that status names
  kSaving,     // a state is being written
  kSuspended,  // nothing runs; a durable state waits for the next run
  kCrashed,    // its supervisor or engine died; the disk is as after a power cut
  kBroken,     // files are missing or unreadable; status says which
};

std::string_view to_string(MachineState state);
std::optional<MachineState> machine_state_from(std::string_view text);

}  // namespace cove
