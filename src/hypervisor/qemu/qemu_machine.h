// QemuMachine: a Machine that is one QEMU process, ended by the kernel when our loop's thread ends. machine.h
// has the contract.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "hypervisor/event_hub.h"
#include "hypervisor/machine.h"
#include "hypervisor/machine_sockets.h"
#include "hypervisor/qemu/line_tail.h"
#include "hypervisor/qemu/qemu_host.h"
#include "hypervisor/qemu/qemu_state_capture.h"
#include "hypervisor/qemu/qmp_client.h"
#include "hypervisor/qemu/ram_backing.h"

namespace cove {

class QemuMachine final : public Machine {
 public:
  static Result<std::unique_ptr<Machine>> create(EventLoop& loop, const QemuHost& host, MachineSpec spec,
                                                 MachineOrigin origin);
  ~QemuMachine() override;

  MachineState state() const override { return state_; }
  std::string pause_reason() const override { return pause_reason_; }
  const MachineSpec& spec() const override { return spec_; }
  MachineInfo info() const override;
  void start(Done<void> done) override;
  void pause(Done<void> done) override;
  void resume(Done<void> done) override;
  void stop(StopMode mode, Done<void> done) override;
  Registration on_event(std::function<void(const MachineEvent&)> listener) override;
  UniqueFd take_console() override { return std::move(sockets_.host.console); }
  UniqueFd take_agent() override { return std::move(sockets_.host.agent); }
  UniqueFd take_net() override { return std::move(sockets_.host.net); }
  Display* display() override { return nullptr; }
  InputSink* input() override { return nullptr; }
  Balloon* balloon() override { return nullptr; }
  StateCapture* states() override { return &states_; }

 private:
  QemuMachine(EventLoop& loop, QemuHost host, MachineSpec spec, MachineOrigin origin, MachineSockets sockets);
  Result<void> launch();
  Result<void> spawn(UniqueFd qmp_end, UniqueFd stderr_end);
  void negotiated(Result<std::string> version);
  void vcpus_ran(Result<Json> result);
  void wait_for_state();
  void fail_start(Error error);
  void command(std::string_view name, MachineState reached, Done<void> done);
  void power_button(Done<void> done);
  void force_stop(Done<void> done);
  void kill_after(std::chrono::milliseconds grace);
  void handle_qmp(const QmpEvent& event);
  void handle_io_error(const Json& data);
  void handle_exit();
  std::string describe_exit(const std::optional<ExitStatus>& status) const;
  void read_stderr();
  void set_state(MachineState state, std::string text);
  void answer_later(Done<void> done, Result<void> result);
  Error wrong_state(std::string_view what) const;

  EventLoop& loop_;
  QemuHost host_;
  MachineSpec spec_;
  MachineOrigin origin_;
  const bool from_state_;
  MachineSockets sockets_;
  EventHub events_;
  MachineState state_ = MachineState::kStopped;
  std::string pause_reason_;
  bool started_ = false;         // start() was called
  bool ran_ = false;             // the vCPUs have run
  bool guest_shutdown_ = false;  // the guest powered off
  bool quit_ = false;            // we were told to end it
  bool killed_ = false;          // it had to be ended by force
  std::string monitor_error_;    // QEMU said something that is not QMP
  std::optional<Error> start_error_;
  Done<void> start_done_;
  std::vector<Done<void>> stop_done_;
  std::chrono::steady_clock::time_point start_called_;
  std::chrono::milliseconds start_duration_{0};
  std::chrono::system_clock::time_point started_at_;
  std::string version_;
  RamBacking ram_;
  UniqueFd stderr_;
  LineTail stderr_tail_;
  std::optional<Process> process_;
  std::unique_ptr<QmpClient> qmp_;
  QemuStateCapture states_;
  Registration exit_watch_;
  Registration stderr_watch_;
  Registration kill_timer_;
};

}  // namespace cove
