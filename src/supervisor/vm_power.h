// VmPower: one VM's machine over restarts: starts it, stops it by asking first, restarts it, and says when it
// has ended. Owned by the supervisor; loop's thread only. Done callbacks run exactly once, later. Everything
// is driven by the machine's events; the only timer runs while a stop is under way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "hypervisor/hypervisor.h"
#include "hypervisor/state_capture.h"
#include "supervisor/arrival.h"

namespace cove {

struct StopRequest {
  enum class Manner : std::uint8_t {
    kAsk,     // the agent, else the power button; by force after the timeout
    kButton,  // the power button; by force after the timeout
    kForce,
  };
  Manner manner = Manner::kAsk;
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

// How a stop came to its end.
struct StopEnd {
  bool forced = false;
  std::string why{};  // it was forced: "the guest did not shut down within 30s"
};

// How a machine ended, once and for all.
struct VmEnd {
  MachineState state = MachineState::kStopped;  // or kCrashed
  std::string text;
  std::vector<std::string> evidence{};
  std::vector<std::string> monitor{};
};

// What a machine goes on from instead of booting.
struct PowerOrigin {
  MachineSpec spec;   // the saved machine, with the files of now
  UniqueFd memory{};  // its frozen memory
  Arrival arrival = Arrival::kReturned;
  // Called when the machine waits for its state, on the loop; done comes there.
  std::function<void(std::shared_ptr<GuestMemory> memory, Done<void> done)> fill_memory{};
  std::function<DeviceState()> devices{};  // called afterwards, once
};

class VmPower {
 public:
  // What power cannot know: the wiring and the agent.
  class Surroundings {
   public:
    virtual ~Surroundings() = default;
    // A machine was made and will be started: take its sockets.
    virtual Result<void> wire(Machine& machine, Arrival arrival) = 0;
    virtual void unwire() = 0;
    virtual void machine_event(const MachineEvent& event) = 0;
    // Asks the agent to power off or reboot; false: there is no agent to ask. `done` comes on any thread.
    enum class Wish : std::uint8_t { kPowerOff, kReboot };
    virtual bool ask_agent(Wish wish, std::function<void(Result<void>)> done) = 0;
    // A stop for good has begun.
    virtual void stopping() = 0;
    // No machine runs any more and none will.
    virtual void ended(const VmEnd& end) = 0;
  };

  VmPower(EventLoop& loop, Hypervisor& hypervisor, MachineSpec spec, Surroundings& surroundings);
  ~VmPower();
  VmPower(const VmPower&) = delete;

  void start(Done<void> done);
  // Done when the machine runs as it was saved.
  void start_from(PowerOrigin origin, Done<void> done);
  void pause(Done<void> done);
  void resume(Done<void> done);
  // Presses the power button.
  void request_stop(Done<void> done);
  // Done when the machine is gone. A second stop that is harder than one under way takes its place. A guest
  // that is still booting does not hear yet, so it is asked again until it goes.
  void stop(StopRequest request, Done<StopEnd> done);
  // There is an agent now: a stop under way goes through it.
  void agent_appeared();
  // Done when the guest has started over. kAsk and kButton: by its own reboot, else through power off;
  // kForce: through the end of the machine.
  void restart(StopRequest request, Done<void> done);

  // The guest cannot go on: its machine is ended, as a crash for this reason. The first reason counts.
  void give_up(std::string why);

  // For who saves the machine's state. While it is held, state() is `shown`, the machine's own changes of
  // state are told to nobody, and what is called waits for release(). Not to be nested.
  void hold(MachineState shown);
  void release();
  bool held() const { return held_.has_value(); }
  // Goes on with another machine that is what this one was; the old one ends. Only while held.
  void replace(std::unique_ptr<Machine> other);
  // The description of a machine that boots from now on has its disk `device` at `path`.
  void set_disk(const std::string& device, const std::string& path);

  Machine* machine() { return machine_.get(); }
  const Machine* machine() const { return machine_.get(); }
  MachineState state() const;
  // Words for status: "is being stopped (asked; force in 12 s)", or why it is paused.
  std::string reason() const;
  bool stopping() const { return stop_.has_value(); }
  // Not to start over, but for good.
  bool ending() const { return stop_ && !boot_again_; }

 private:
  struct Stop {
    StopRequest request;
    std::chrono::steady_clock::time_point force_at;
    Registration force_timer;
    Registration again_timer;
    // The agent: nobody has asked it, it is being asked, it has said that the guest goes down.
    enum class Agent : std::uint8_t { kUnasked, kAsked, kTook };
    Agent agent;
    StopEnd end;
    struct Waiter {
      StopRequest::Manner asked;
      Done<StopEnd> done;
    };
    std::vector<Waiter> waiters;
    Stop() : agent(Agent::kUnasked) {}
  };
  struct Reboot {
    Done<void> done;
    Registration timer;
  };

  Result<void> make_machine(MachineSpec spec, MachineOrigin origin, Arrival arrival);
  void listen();
  void load(PowerOrigin origin, Done<void> done);
  bool waits(std::function<void()> call);
  void boot(Done<void> done);
  void on_event(const MachineEvent& event);
  void machine_gone(VmEnd end);
  void press_button();
  void ask_guest();
  bool ask_agent_to_stop();
  void agent_answered(const Result<void>& asked);
  void force(std::string why);
  void guest_started_over();
  void later(Done<void> done, Result<void> result);
  Error wrong_state(const char* what) const;

  EventLoop& loop_;
  Hypervisor& hypervisor_;
  MachineSpec spec_;
  Surroundings& surroundings_;
  std::unique_ptr<Machine> machine_;
  Registration listener_;
  std::optional<MachineState> held_;            // what is shown meanwhile
  std::vector<std::function<void()>> waiting_;  // calls that came while it was held
  std::optional<Stop> stop_;
  std::optional<Reboot> reboot_;
  std::optional<std::string> given_up_;  // why the machine's end will be a crash
  Done<void> boot_again_;                // set: the machine's end is followed by a new one
  bool starting_ = false;
  bool ended_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cove
