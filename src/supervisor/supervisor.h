// Supervisor: the owner of one running VM: its lock, its machine, its network, console, agent and sockets.
// Lives on the main thread's loop; run() returns when the VM has ended. What handlers on other threads need
// is reached through the members that say so; everything else through ask() (control/ask.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop_thread.h"
#include "control/control_server.h"
#include "control/ready_pipe.h"
#include "hypervisor/hypervisor.h"
#include "net/user_network.h"
#include "store/vm_directory.h"
#include "supervisor/agent_keeper.h"
#include "supervisor/agent_socket.h"
#include "supervisor/console_hub.h"
#include "supervisor/fact_board.h"
#include "supervisor/machine_channels.h"
#include "supervisor/state_keeper.h"
#include "supervisor/state_return.h"
#include "supervisor/vm_power.h"

namespace cove {

// What the program gives a supervisor; outlives it.
struct SupervisorParts {
  Hypervisor& hypervisor;
  AgentClientFactory make_agent;
  // Kernel, disk and firmware of a configuration.
  std::function<Result<MachinePaths>(const VmConfig&)> locate_files;
  std::string accelerator_reason;  // why this accelerator; empty: nothing to explain
  GreetingOptions::Depth greeting = GreetingOptions::Depth::kFull;
  std::string version;                            // of cove, for what it saves
  std::function<void(std::string_view)> at_step;  // called at each step, for tests that kill there
};

struct SupervisorOptions {
  VmDirectory directory;
  std::vector<PortForward> forwards;  // of this run, on top of the configuration's
  UniqueFd lifetime;                  // its end asks the VM to stop; may be invalid
  std::chrono::milliseconds stop_timeout = std::chrono::seconds(60);
  std::size_t max_connections = 64;  // of each socket, open at once
  // kCold: a suspended VM boots, and its state is kept as a snapshot.
  enum class Beginning : std::uint8_t { kAsItWas, kCold } beginning = Beginning::kAsItWas;
};

// What only the loop's thread can see at once.
struct VmSnapshot {
  MachineState state = MachineState::kStarting;
  std::string reason;
  std::string hint;
  MachineInfo machine;
};

class Supervisor final : private VmPower::Surroundings {
 public:
  // Blocks until the VM has ended; the error is that of a start that failed, or of the machine's crash.
  static Result<void> run(SupervisorOptions options, const SupervisorParts& parts, ReadyReporter& reporter);
  ~Supervisor() override;

  // Any thread.
  EventLoop& loop() { return *loop_; }
  FactBoard& facts() { return *facts_; }
  StateKeeper& states() { return *keeper_; }  // not on the loop
  AgentKeeper& agent() { return *agent_; }
  ConsoleHub& console() { return *console_; }
  UserNetwork* network() { return network_.get(); }                    // nullptr without a network
  const std::string& guest_address() const { return guest_address_; }  // empty without a network
  const VmConfig& config() const { return config_; }
  const VmName& name() const { return options_.directory.name(); }
  const VmDirectory& directory() const { return options_.directory; }
  const SupervisorParts& parts() const { return parts_; }
  std::filesystem::path token_path() const { return options_.directory.token_path(); }
  std::map<std::string, std::uint64_t> metrics() const;

  // Loop's thread.
  VmPower& power() { return *power_; }
  // kFailedPrecondition: the disk that paused the guest is still as full as it was.
  Result<void> check_resumable() const;
  VmSnapshot snapshot() const;

 private:
  Supervisor(SupervisorOptions options, const SupervisorParts& parts, ReadyReporter& reporter);
  Result<void> serve_until_end();
  Result<void> prepare();
  Result<void> pin_machine_type();
  Result<void> prepare_return(const MachineSpec& planned);
  Result<void> keep_aside(const SuspendRecord& record);
  GreetingOptions make_greeting() const;
  void make_keeper();
  void agent_appeared();
  void start_machine();
  void start_failed(Result<void> why);
  Result<void> start_network(const MachineSpec& spec);
  Result<void> open_sockets();
  Result<void> watch_signals();
  void take_signal();
  // What becomes of a VM whose state cannot be saved when somebody wants it to end.
  enum class IfNotSaved : std::uint8_t { kRunsOn, kStops };
  void suspend_in_order(const char* why, IfNotSaved then);
  void stop_in_order(const char* why);
  void console_panicked(const std::string& reason);
  void complete_crash_record();
  Result<void> finish(Result<void> outcome);
  void step(std::string_view name);
  void note_phase(std::string_view phase);

  Result<void> wire(Machine& machine, Arrival arrival) override;
  void unwire() override;
  void machine_event(const MachineEvent& event) override;
  bool ask_agent(Wish wish, std::function<void(Result<void>)> done) override;
  void stopping() override { note_phase(kStoppingPhase); }
  void ended(const VmEnd& end) override;

  SupervisorOptions options_;
  const SupervisorParts& parts_;
  ReadyReporter& reporter_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<FileLock> lock_;
  VmConfig config_;
  std::string token_;
  std::string guest_address_;
  bool session_ = false;
  MachineEvent::Fault disk_fault_ = MachineEvent::Fault::kNone;  // what paused the guest
  std::optional<CrashRecord> crash_;                             // the machine has crashed
  UniqueFd signals_;
  std::optional<Result<void>> outcome_;
  std::unique_ptr<FactBoard> facts_;
  std::unique_ptr<LoopThread> relay_;
  std::unique_ptr<UserNetwork> network_;
  std::unique_ptr<ConsoleHub> console_;
  std::unique_ptr<AgentKeeper> agent_;
  std::unique_ptr<VmHoldings> holdings_;
  std::unique_ptr<StateReturn> return_;  // the machine goes on from a state
  std::unique_ptr<VmPower> power_;
  std::unique_ptr<MachineChannels> channels_;
  std::unique_ptr<MachineCapture> capture_;
  std::unique_ptr<StateKeeper> keeper_;
  CancelSource ending_;
  Thread suspender_;
  std::unique_ptr<ControlHandler> executor_;
  std::unique_ptr<AgentSocket> agent_socket_;
  std::unique_ptr<ControlServer> control_;
  Registration signal_watch_;
  Registration lifetime_watch_;
};

}  // namespace cove
