#include <array>

#include "cli/commands/commands.h"
#include "cli/guest_command.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 4> kShellFlags{{kUserFlag, kEnvFlag, kWorkdirFlag, kWaitFlag}};

Result<int> run_shell(Invocation& inv) {
  auto arguments = inv.flags.words;
  if (arguments.empty()) arguments = {"/bin/sh", "-c", R"(exec "${SHELL:-/bin/sh}" -l)"};
  return run_guest_command(inv, std::move(arguments), GuestTerminal::kYes, std::chrono::nanoseconds(0));
}

}  // namespace

constinit const CommandSpec kShellCommand{.name = "shell",
                                          .words = "[COMMAND [ARG...]]",
                                          .summary = "a login shell in a VM, or a command with a terminal",
                                          .flags = kShellFlags,
                                          .word_kind = WordKind::kText,
                                          .most_words = kAnyNumber,
                                          .stop = FlagStop::kFirstPlainWord,
                                          .run = run_shell};

}  // namespace cove
