// What the CLI asks of a running VM's supervisor, as plain values: the only file of the CLI that knows the
// control messages. Blocking; any thread. Each call is a connection of its own.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "control/raw_stream.h"
#include "store/vm_directory.h"

namespace cove {

struct LiveFact {
  std::string name;
  bool met = false;
  std::string met_at;
  std::string evidence;
};

struct LiveForward {
  std::string host_address;
  std::uint32_t host_port = 0;
  std::uint32_t guest_port = 0;
  std::uint64_t connections = 0;  // open now
};

struct LiveStatus {
  MachineState state = MachineState::kStarting;
  std::string reason;
  std::string hint;
  std::vector<LiveFact> facts;
  std::string backend;
  std::string accelerator;
  std::string accelerator_reason;
  std::int64_t supervisor_pid = 0;
  std::int64_t engine_pid = 0;
  std::string started_at;
  std::string ip;
  std::string network;
  std::string agent;
  std::string agent_version;
  std::vector<LiveForward> forwards;
  std::vector<std::string> console_tail;
};

struct WaitOutcome {
  bool met = false;
  MachineState state = MachineState::kStarting;
  std::string reason{};  // why it is in this state, if that needs one
  std::string hint{};
  std::vector<LiveFact> facts{};
  std::vector<std::string> missing{};
  std::vector<std::string> console_tail{};
};

// How a VM came to its end.
struct VmStopped {
  bool forced = false;
  std::string why{};        // it was forced: "the guest did not shut down within 30s"
  std::string last_line{};  // of its console, when forced; may be empty
};

enum class StopMode : unsigned char { kAsk, kForce };

// What became of a state that a supervisor saved.
struct VmSaved {
  std::string state{};                       // its id
  std::chrono::microseconds stood_still{0};  // the guest
  std::uint64_t changed_bytes = 0;           // of memory, that are in no earlier layer
};

Result<LiveStatus> ask_status(const OpContext& ctx, const VmDirectory& vm);
Result<void> ask_pause(const OpContext& ctx, const VmDirectory& vm);
Result<void> ask_resume(const OpContext& ctx, const VmDirectory& vm);
// Returns when the guest has ended; after `patience` it is ended by force.
Result<VmStopped> ask_stop(const OpContext& ctx, const VmDirectory& vm, StopMode mode,
                           std::chrono::nanoseconds patience);
// Returns when the state is on disk; the VM ends then. After an error it goes on.
Result<VmSaved> ask_suspend(const OpContext& ctx, const VmDirectory& vm);
// Returns when the state is on disk; the guest has long gone on.
Result<VmSaved> ask_save_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name,
                                  const std::string& description);
// The disks alone; `freeze` 0: the guest's file systems are not held still.
struct VmDiskSaved {
  VmSaved saved{};
  bool frozen = false;
  std::string not_frozen_why{};  // although that was asked for
};
Result<VmDiskSaved> ask_save_disks(const OpContext& ctx, const VmDirectory& vm, const std::string& name,
                                   const std::string& description, std::chrono::milliseconds freeze);
Result<void> ask_delete_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name);
// A state for other VMs to go on from; it is kept until the next one, or until somebody speaks for it.
Result<VmSaved> ask_fork_base(const OpContext& ctx, const VmDirectory& vm);
// A forward of a running VM, now and at every later start. host_port of the one to close: as take_forwards().
Result<void> ask_open_forward(const OpContext& ctx, const VmDirectory& vm, const PortForward& forward);
Result<void> ask_close_forward(const OpContext& ctx, const VmDirectory& vm, std::uint16_t port);
// Waits for the fact, also while the supervisor is still starting. A fact that did not come is a value.
Result<WaitOutcome> ask_wait(const OpContext& ctx, const VmDirectory& vm, std::string_view fact,
                             std::chrono::nanoseconds timeout);
// The serial console as a stream: from now on, or with the latest output (64 KiB at most) first.
enum class ConsoleFrom : unsigned char { kNow, kBeginning };
Result<RawStream> attach_console(const OpContext& ctx, const VmDirectory& vm, ConsoleFrom from);

// The facts a VM goes through, in the order in which they come.
const std::vector<std::string>& fact_names();

}  // namespace cove
