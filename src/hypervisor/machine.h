// Machine: one engine process running one VM, from start to its end. Owned by the supervisor; every call and
// every callback on the loop's thread. A machine lives once: after kStopped or kCrashed a new one is made,
// with fresh sockets. Destroying it ends the engine by force and answers what is still pending with
// kCancelled; it must not be destroyed inside one of its own callbacks.
//
// Callbacks given as Done run exactly once and never before the call that took them has returned.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "model/machine_spec.h"
#include "model/machine_state.h"

namespace cove {

class Balloon;
class Display;
class InputSink;
class StateCapture;

enum class StopMode : std::uint8_t {
  kRequest,  // presses the power button; done when it is pressed. What comes of it is told by events
  kForce,    // done when the engine is gone, whatever state it was in
};

struct MachineEvent {
  enum class Kind : std::uint8_t {
    kStateChanged,   // `state` is new; `text` says why, if not because of a call
    kGuestShutdown,  // the guest powered off by itself or on request; kEngineExited follows
    kGuestReset,     // the guest rebooted; the engine lives on
    kGuestPanicked,  // the guest's kernel says it cannot go on
    kIoError,        // a disk failed; the guest is paused (kStateChanged follows) and resume() tries again
    kEngineExited,   // the last event of a machine; `state` is kStopped or kCrashed
  };
  enum class Fault : std::uint8_t { kNone, kNoSpace, kOther };

  Kind kind = Kind::kStateChanged;
  MachineState state = MachineState::kStopped;  // after the event
  std::string text{};                           // in words, for people
  std::string device{};                         // kIoError: the device's id
  Fault fault = Fault::kNone;                   // kIoError
  std::vector<std::string> evidence{};          // kEngineExited: what the engine said last
  std::vector<std::string> monitor{};           // kEngineExited: the last messages between us and the engine
};
std::string_view to_string(MachineEvent::Kind kind);

struct MachineInfo {
  std::string backend{};         // "qemu", "fake"
  std::string engine_version{};  // "7.2.22"; empty if it has none
  Accel accel = Accel::kTcg;
  pid_t pid = 0;                                       // of the engine; 0 if none runs
  std::chrono::system_clock::time_point started_at{};  // when the vCPUs first ran
  std::chrono::milliseconds start_duration{0};         // from start() to that moment
};

// What a machine begins with. `memory` invalid: nothing, it boots. Else a frozen memory of the description's
// size, which is mapped privately and never written to.
struct MachineOrigin {
  UniqueFd memory{};
};

class Machine {
 public:
  virtual ~Machine() = default;
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // kStopped before start(), then kStarting, kRunning, kPaused; at the end kStopped, or kCrashed if the
  // engine died without the guest or us asking for it.
  virtual MachineState state() const = 0;
  // Why it is paused when nobody asked for that ("disk root: no space left on the host"); else empty.
  virtual std::string pause_reason() const = 0;
  virtual const MachineSpec& spec() const = 0;
  virtual MachineInfo info() const = 0;

  // Starts the engine and lets the vCPUs run; with a MachineOrigin it comes to kPaused instead. An error
  // leaves kStopped (nothing runs). kFailedPrecondition if it was started before; kResourceExhausted if the
  // host cannot back the RAM.
  virtual void start(Done<void> done) = 0;
  // pause() of a paused and resume() of a running machine succeed and change nothing; kFailedPrecondition in
  // any other state.
  virtual void pause(Done<void> done) = 0;
  virtual void resume(Done<void> done) = 0;
  // kForce succeeds in every state, also when nothing runs; kRequest only when running or paused (a paused
  // guest is let run to hear it).
  virtual void stop(StopMode mode, Done<void> done) = 0;
  // Events in the order they happened. Listeners are added before start() to miss none.
  virtual Registration on_event(std::function<void(const MachineEvent&)> listener) = 0;

  // The host's ends of the machine's sockets: there from creation, each handed out once (then invalid),
  // close-on -exec, non-blocking. Unread console output blocks the guest's UART: drain it.
  virtual UniqueFd take_console() = 0;  // stream: the UART
  virtual UniqueFd take_agent() = 0;    // stream: the agent port
  virtual UniqueFd take_net() = 0;      // datagrams, one Ethernet frame each; invalid without a NIC

  // Faculties: nullptr when this backend has none.
  virtual Display* display() = 0;
  virtual InputSink* input() = 0;
  virtual Balloon* balloon() = 0;
  virtual StateCapture* states() = 0;
};

}  // namespace cove
