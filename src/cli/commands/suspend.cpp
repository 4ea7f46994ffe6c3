#include <array>

#include "cli/commands/commands.h"
#include "cli/vm_suspend.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kSuspendFlags{{
    {"all", FlagKind::kSwitch, "", "every VM that runs", ""},
}};

}  // namespace

constinit const CommandSpec kSuspendCommand{.name = "suspend",
                                            .words = "[NAME...]",
                                            .summary = "save VMs as they are and end them; 'run' goes on",
                                            .flags = kSuspendFlags,
                                            .word_kind = WordKind::kVm,
                                            .most_words = kAnyNumber,
                                            .run = suspend_vms};

}  // namespace cove
