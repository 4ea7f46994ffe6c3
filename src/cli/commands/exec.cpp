#include <array>

#include "cli/commands/commands.h"
#include "cli/guest_command.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 7> kExecFlags{{
    kUserFlag,
    kEnvFlag,
    kWorkdirFlag,
    {"timeout", FlagKind::kDuration, "TIME", "end the command after this time (status 124)", ""},
    kWaitFlag,
    {"tty", FlagKind::kSwitch, "", "give the command a terminal", ""},
    {"t", FlagKind::kSwitch, "", "", ""},
}};

Result<int> run_exec(Invocation& inv) {
  const bool tty = inv.flags.is_set("tty") || inv.flags.is_set("t");
  return run_guest_command(inv, inv.flags.words, tty ? GuestTerminal::kYes : GuestTerminal::kNo,
                           inv.flags.duration("timeout").value_or(std::chrono::nanoseconds(0)));
}

}  // namespace

constinit const CommandSpec kExecCommand{.name = "exec",
                                         .words = "[--] COMMAND [ARG...]",
                                         .summary = "run a command in a VM",
                                         .flags = kExecFlags,
                                         .word_kind = WordKind::kText,
                                         .least_words = 1,
                                         .most_words = kAnyNumber,
                                         .stop = FlagStop::kFirstPlainWord,
                                         .run = run_exec};

}  // namespace cove
