// pause and resume: the same command in two directions.
#include "cli/commands/commands.h"
#include "cli/supervisor_calls.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

Result<int> run_pause(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv));
  COVE_TRY(ask_pause(inv.context(), vm));
  inv.tell({.vm = vm.name().str(), .done = "paused", .state = "paused", .text = {}});
  return 0;
}

Result<int> run_resume(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv));
  COVE_TRY(ask_resume(inv.context(), vm));
  inv.tell(
      {.vm = vm.name().str(), .done = "resumed", .state = "running", .text = vm.name().str() + ": running"});
  return 0;
}

}  // namespace

constinit const CommandSpec kPauseCommand{.name = "pause",
                                          .words = "[NAME]",
                                          .summary = "hold a running VM still, its memory kept",
                                          .flags = {},
                                          .word_kind = WordKind::kVm,
                                          .most_words = 1,
                                          .run = run_pause};
constinit const CommandSpec kResumeCommand{.name = "resume",
                                           .words = "[NAME]",
                                           .summary = "let a paused VM run on",
                                           .flags = {},
                                           .word_kind = WordKind::kVm,
                                           .most_words = 1,
                                           .run = run_resume};

}  // namespace cove
