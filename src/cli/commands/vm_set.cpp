#include "cli/commands/commands.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

Result<int> run_vm_set(Invocation& inv) {
  const auto name = COVE_TRY(choose_name(inv, &inv.flags.words[0]));
  COVE_TRY(registry_of(inv.env).set_active(name));
  return 0;
}

}  // namespace

constinit const CommandSpec kVmSetCommand{.name = "vm set",
                                          .words = "NAME",
                                          .summary = "choose the VM that commands work on when none is named",
                                          .flags = {},
                                          .word_kind = WordKind::kVm,
                                          .least_words = 1,
                                          .most_words = 1,
                                          .run = run_vm_set};

}  // namespace cove
