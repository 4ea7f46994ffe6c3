#include <array>

#include "cli/commands/commands.h"
#include "cli/foreground_run.h"
#include "cli/forward_flag.h"
#include "cli/new_vm_flags.h"
#include "cli/progress_line.h"
#include "cli/vm_beginning.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 8> kRunFlags{{
    {"detach", FlagKind::kSwitch, "", "start it in the background and return", ""},
    {"d", FlagKind::kSwitch, "", "", ""},
    {"forward", FlagKind::kTexts, "HOST:GUEST",
     "a TCP port of this host that leads into the guest, for this run", ""},
    {"no-resume", FlagKind::kSwitch, "", "boot a suspended VM; its state is kept as a snapshot", ""},
    {"cold-boot", FlagKind::kSwitch, "", "", ""},
    {"on-exit", FlagKind::kText, "WHAT", "what Ctrl-] and signals do to the VM: suspend or stop", "suspend"},
    {"headless", FlagKind::kSwitch, "", "", ""},
    {"linux", FlagKind::kSwitch, "", "", ""},
}};

Result<int> run_run(Invocation& inv) {
  std::vector<PortForward> forwards;
  for (const auto& text : inv.flags.texts("forward")) {
    auto forward = parse_forward_flag(text);
    if (!forward.ok()) return inv.usage(std::move(forward).error());
    forwards.push_back(*forward);
  }
  COVE_TRY(check_constant_switches(inv, {"linux", "headless"}));
  const auto on_exit = inv.flags.text("on-exit");
  if (on_exit != "suspend" && on_exit != "stop") return inv.usage("-on-exit must be suspend or stop");
  const auto vm = COVE_TRY(choose_vm(inv));
  COVE_TRY(check_startable(vm));
  StartWish wish{.forwards = std::move(forwards), .beginning = beginning_wish(inv)};
  const auto beginning = look_at_beginning(vm, wish.beginning);
  note_differences(inv, vm, beginning);
  if (!inv.flags.is_set("detach") && !inv.flags.is_set("d"))
    return run_foreground(inv, vm, std::move(wish), on_exit == "stop" ? OnExit::kStop : OnExit::kSuspend);
  auto progress = make_progress(inv.env.err);
  progress->step("starting " + vm.name().str());
  const auto started = start_vm(inv.context(), inv.env, vm, wish, *progress);
  if (!started.ok()) return start_error(vm, beginning, started.error());
  progress.reset();
  inv.tell(started_deed(vm, beginning));
  return 0;
}

}  // namespace

constinit const CommandSpec kRunCommand{
    .name = "run",
    .words = "[NAME]",
    .summary = "start a VM in the foreground with its console, or -detach",
    .flags = kRunFlags,
    .word_kind = WordKind::kVm,
    .most_words = 1,
    .run = run_run};

}  // namespace cove
