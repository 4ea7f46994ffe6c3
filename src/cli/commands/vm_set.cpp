#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/vm_view.h"

namespace cove {
namespace {

Result<int> run_vm_set(Invocation& inv) {
  const auto name = COVE_TRY(choose_name(inv, &inv.flags.words[0]));
  COVE_TRY(registry_of(inv.env).set_active(name));
  const VmDirectory vm(Home(inv.env.home), name);
  inv.tell({.vm = name.str(),
            .done = "chosen",
            .state = std::string(to_string(look_at(inv.context(), vm).state())),
            .text = name.str() + ": is now the VM that commands work on when none is named"});
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
