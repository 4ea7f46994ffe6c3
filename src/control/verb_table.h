// The verbs of the control protocol, written once: the server dispatches by this table, the supervisor checks
// states by it, capabilities, `ctl` and the reference page list it. Constant data; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/machine_state.h"

namespace cove {

enum class VerbId : std::uint8_t {
  kPing,
  kStatus,
  kCapabilities,
  kWait,
  kMetrics,
  kPause,
  kResume,
  kStop,
  kRequestStop,
  kRestart,
  kSuspend,
  kSnapshot,
  kDiskSnapshot,
  kForkBase,
  kNetworkInfo,
  kPortForward,
  kConsoleAttach,
  kAgentConnect,
  kAgentPing,
  kAgentInfo,
  kAgentExec,
  kAgentUserExec,
  kAgentExecStream,
  kAgentUserExecStream,
  kAgentRead,
  kAgentWrite,
  kAgentCopy,
  kAgentShutdown,
  kAgentReboot,
  kAgentStatus,
};

// States as a set of bits.
using StateSet = std::uint16_t;
constexpr StateSet state_bit(MachineState state) {
  return static_cast<StateSet>(1U << static_cast<unsigned>(state));
}
constexpr StateSet kAnyState = 0xffff;

struct Verb {
  VerbId id;
  std::string_view name;          // the request's `type`
  std::string_view payload;       // the member of ControlRequest with its arguments; empty: none
  std::string_view missing;       // the word in "missing X command payload"; empty: the payload may be absent
  StateSet states;                // in which it makes sense
  std::chrono::seconds deadline;  // on the server's side; 0: the verb's own arguments say
  enum class HangUp : std::uint8_t { kCancels, kCompletes };
  HangUp hang_up;  // what happens when the client goes away meanwhile
  enum class Answer : std::uint8_t { kLine, kLines, kBytes };
  Answer answer;         // one line, several, or one and then raw bytes
  std::string_view doc;  // one sentence for the reference page
};

std::span<const Verb> verbs();
const Verb& verb(VerbId id);
// By name or by one of the spellings that clients in the field use; nullptr if there is none.
const Verb* find_verb(std::string_view type);
// "unknown command type: x\nValid commands include ..."
std::string unknown_verb_text(std::string_view type);

}  // namespace cove
