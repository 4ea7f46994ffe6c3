// FakeHypervisor: machines without a guest, for tests and for COVE_BACKEND=fake. They keep every promise of
// machine.h (states, events, sockets); latency, failures and the guest's behaviour are given as FakeOptions.
//
// The fake guest prints its boot lines on the console, echoes what it is sent, and obeys these lines there:
// "poweroff", "reboot", "panic", "crash" (the engine dies), "enospc" (the root disk fails with ENOSPC),
// "write" (to its disk), "poke PAGE WORD" (to its memory), "look TOKEN" (prints "TOKEN: ...",
// FakeStates::describe()).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "hypervisor/hypervisor.h"

namespace cove {

// The guest's ends of a fake machine's sockets (blocking), and its power switches, which any thread may call
// at any time, also after the machine is gone.
struct FakeGuestPorts {
  UniqueFd agent;
  UniqueFd net;
  std::function<void()> power_off{};
  std::function<void()> reboot{};
};

// Software inside the fake guest, e.g. an agent in threads of its own. Made on the loop's thread when the
// vCPUs first run and after each reboot; it ends with its machine, or with the one it was handed over to. The
// destructor must not wait for the loop.
class FakeGuest {
 public:
  virtual ~FakeGuest() = default;
  // Its machine stands still (state_capture.h): when it returns, the guest leaves its ports alone, until it
  // goes on, or another machine that was loaded with its devices runs: then it is moved to that one's ports.
  // Loop thread.
  virtual void hold() = 0;
  virtual void go_on() = 0;
  virtual void move_to(FakeGuestPorts ports) = 0;
};

struct FakeOptions {
  enum class PowerButton : std::uint8_t { kObeyed, kIgnored };
  // How long start, pause, resume and the guest's shutdown take.
  std::chrono::milliseconds latency{0};
  // The call that fails, every time: "start", "pause", "resume", "stop"; empty: none.
  std::string fail{};
  // Which "start" may succeed before one fails; with `fail` only from call number fail_from (1 = the first)
  // on.
  std::uint32_t fail_from = 1;
  std::optional<std::chrono::milliseconds> crash_after{};  // after the vCPUs first ran
  PowerButton power_button = PowerButton::kObeyed;
  // As in a guest that is still booting: from its start a button is lost for so long, and the agent comes so
  // late.
  std::chrono::milliseconds deaf_for{0};
  std::chrono::milliseconds agent_after{0};
  std::vector<std::string> boot_lines = {"[    0.000000] Linux version 0.0-fake", "fake login: "};
  bool has_agent = true;                                              // false: `guest` is not made
  std::function<std::unique_ptr<FakeGuest>(FakeGuestPorts)> guest{};  // empty: the agent port stays silent

  // {"latency_ms","fail","fail_from","crash_after_ms","power_button":"obeyed"|"ignored","deaf_ms",
  // "agent_after_ms","boot_lines","agent":false}; unknown members are refused, so that a test's typing
  // mistake shows.
  static Result<FakeOptions> from_json(const Json& json);
};

std::unique_ptr<Hypervisor> make_fake_hypervisor(FakeOptions options);

}  // namespace cove
