// FakeMachine: a Machine without an engine; fake_hypervisor.h says what its guest does. Loop thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hypervisor/event_hub.h"
#include "hypervisor/fake/fake_hypervisor.h"
#include "hypervisor/fake/fake_states.h"
#include "hypervisor/machine_sockets.h"

namespace cove {

// What all machines of one hypervisor have in common.
struct FakeCommons {
  std::map<std::string, std::uint32_t, std::less<>> call_counts;  // how often each call was made
  // Guests of machines that stand still, by the serial number of the boot (FakeStates::serial).
  struct HeldGuest {
    const Machine* by;
    std::unique_ptr<FakeGuest> guest;
  };
  std::map<std::string, HeldGuest> held_guests;
};

class FakeMachine final : public Machine {
 public:
  FakeMachine(EventLoop& loop, MachineSpec spec, MachineOrigin origin, FakeOptions options,
              std::shared_ptr<FakeCommons> commons, MachineSockets sockets);
  ~FakeMachine() override;

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
  struct Call {
    std::string name;
    Done<void> done;
    std::function<void()> act;  // its effect, if it does not fail
    Registration timer;
  };
  void later(std::string name, Done<void> done, std::function<void()> act);
  void answer(std::uint64_t id);
  void answer_all(const Error& error);
  bool fails(const std::string& name);
  Error wrong_state(std::string_view what) const;
  void boot();
  void boot_guest();
  void start_agent();
  FakeGuestPorts guest_ports();
  void continue_guest();
  void settle_guest();
  void drop_guest();
  std::map<std::string, FakeCommons::HeldGuest>::iterator find_held_guest();
  void press_power_button();
  void power_off(std::string reason);
  void reboot();
  void io_error();
  void end(MachineState state, std::string text, std::vector<std::string> evidence);
  void set_state(MachineState state, std::string text);
  void read_console();
  void obey(const std::string& line);
  void poke(const std::vector<std::string_view>& words);
  // Begins and ends what goes over the console as the guest runs and the engine moves.
  void settle_console();
  void print(std::string_view text);
  void flush_console();
  std::function<void()> posted(void (FakeMachine::*switch_pressed)());
  void switched_off() { power_off("guest-shutdown"); }

  EventLoop& loop_;
  MachineSpec spec_;
  FakeOptions options_;
  std::shared_ptr<FakeCommons> commons_;
  MachineSockets sockets_;
  EventHub events_;
  MachineState state_ = MachineState::kStopped;
  std::string pause_reason_;
  bool started_ = false;
  bool ended_ = false;
  bool went_on_ = false;  // a machine from a state has run
  std::chrono::system_clock::time_point started_at_;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t next_call_ = 1;
  std::unique_ptr<FakeGuest> guest_;
  MachineOrigin origin_;
  const bool from_state_;
  FakeStates states_;
  std::string typed_;
  std::string unprinted_;
  Registration console_input_;
  Registration console_output_;
  Registration power_timer_;
  Registration crash_timer_;
  Registration agent_timer_;
  std::chrono::steady_clock::time_point hears_from_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once destroyed
};

}  // namespace cove
