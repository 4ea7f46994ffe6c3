// The part that exec and shell share: from parsed flags to an exit status. One thread.
#pragma once

#include "agent/guest_agent_client.h"
#include "cli/command.h"

namespace cove {

inline constexpr FlagSpec kUserFlag{"user", FlagKind::kText, "USER", "run as this account; root is allowed",
                                    ""};
inline constexpr FlagSpec kEnvFlag{"env", FlagKind::kTexts, "K=V", "set a variable; K alone passes yours on",
                                   ""};
inline constexpr FlagSpec kWorkdirFlag{"workdir", FlagKind::kText, "DIR",
                                       "run in DIR of the guest, relative to the account's home", ""};
inline constexpr FlagSpec kWaitFlag{"wait", FlagKind::kDuration, "TIME",
                                    "how long the guest may take to answer", "60s"};

enum class GuestTerminal : unsigned char { kNo, kYes };
// Runs `arguments` as the flags say. A command that does not exist is status
// 127 and one that cannot be run 126, as in shells.
Result<int> run_guest_command(Invocation& inv, std::vector<std::string> arguments, GuestTerminal terminal,
                              std::chrono::nanoseconds timeout);

}  // namespace cove
