#include "cli/commands/commands.h"
#include "cli/console_session.h"
#include "cli/supervisor_calls.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

Result<int> run_console_command(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv));
  auto stream = COVE_TRY(attach_console(inv.context(), vm, ConsoleFrom::kNow));
  if (is_terminal(inv.env.in))
    inv.out.note("Console of " + vm.name().str() + ". Ctrl-] leaves it, the VM runs on.");
  const auto end =
      COVE_TRY(run_console(inv.context(), std::move(stream), {.in = inv.env.in, .out = inv.env.out}));
  inv.out.note(end == ConsoleEnd::kLeft ? "" : "\n" + vm.name().str() + ": the VM has ended");
  return 0;
}

}  // namespace

constinit const CommandSpec kConsoleCommand{.name = "console",
                                            .words = "[NAME]",
                                            .summary = "the serial console of a running VM; Ctrl-] leaves",
                                            .flags = {},
                                            .word_kind = WordKind::kVm,
                                            .most_words = 1,
                                            .run = run_console_command};

}  // namespace cove
