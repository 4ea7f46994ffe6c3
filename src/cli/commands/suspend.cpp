#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/vm_choice.h"
#include "cli/vm_suspend.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kSuspendFlags{{
    {"all", FlagKind::kSwitch, "", "every VM that runs", ""},
}};

Result<int> run_suspend(Invocation& inv) {
  const bool all = inv.flags.is_set("all");
  std::optional<Error> failure;
  for (const auto& vm : COVE_TRY(choose_vms(inv))) {
    if (all && !vm.observe().has_supervisor()) continue;
    auto progress = make_progress(inv.env.err);
    progress->step("suspending " + vm.name().str());
    auto suspended = suspend_vm(inv.context(), vm);
    progress.reset();
    if (suspended.ok()) {
      inv.tell(suspend_deed(vm, *suspended));
      continue;
    }
    if (suspended.error().code() == Code::kCancelled) return std::move(suspended).error();
    if (failure) inv.out.note("cove: " + printable(suspended.error().message()));
    if (!failure) failure = std::move(suspended).error();
  }
  if (failure) return std::move(*failure);
  return 0;
}

}  // namespace

constinit const CommandSpec kSuspendCommand{.name = "suspend",
                                            .words = "[NAME...]",
                                            .summary = "save VMs as they are and end them; 'run' goes on",
                                            .flags = kSuspendFlags,
                                            .word_kind = WordKind::kVm,
                                            .most_words = kAnyNumber,
                                            .run = run_suspend};

}  // namespace cove
