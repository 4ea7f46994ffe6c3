#include <array>

#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"
#include "cli/vm_suspend.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 4> kStopFlags{{
    {"timeout", FlagKind::kDuration, "TIME", "how long the guest may take before it is ended by force",
     "60s"},
    {"force", FlagKind::kSwitch, "", "end it at once, like pulling the plug", ""},
    {"suspend", FlagKind::kSwitch, "", "save it as it is instead, as 'cove suspend' does", ""},
    {"all", FlagKind::kSwitch, "", "every VM that runs", ""},
}};

Result<int> run_stop(Invocation& inv) {
  if (inv.flags.is_set("suspend")) {
    if (inv.flags.is_set("force") || inv.flags.given("timeout"))
      return inv.usage("-suspend asks nothing of the guest: no -force and no -timeout with it");
    return suspend_vms(inv);
  }
  const auto chosen = COVE_TRY(choose_vms(inv));
  const auto mode = inv.flags.is_set("force") ? StopMode::kForce : StopMode::kAsk;
  const auto patience = *inv.flags.duration("timeout");
  // Each one is tried; the first failure is the status.
  std::optional<Error> failure;
  for (const auto& vm : chosen) {
    auto stopped = stop_vm(inv.context(), vm, mode, patience);
    if (!stopped.ok()) {
      if (stopped.error().code() == Code::kCancelled) return std::move(stopped).error();
      if (failure) inv.out.note("cove: " + printable(stopped.error().message()));
      if (!failure) failure = std::move(stopped).error();
      continue;
    }
    if (inv.flags.is_set("all") && stopped->when == Stopped::When::kAlready) continue;
    inv.tell(stop_deed(vm, *stopped));
  }
  if (failure) return std::move(*failure);
  return 0;
}

}  // namespace

constinit const CommandSpec kStopCommand{.name = "stop",
                                         .words = "[NAME...]",
                                         .summary = "ask VMs to shut down, then force",
                                         .flags = kStopFlags,
                                         .word_kind = WordKind::kVm,
                                         .most_words = kAnyNumber,
                                         .run = run_stop};

}  // namespace cove
