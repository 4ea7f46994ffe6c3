#include <array>

#include "cli/commands/commands.h"
#include "cli/console_session.h"
#include "cli/forward_flag.h"
#include "cli/new_vm_flags.h"
#include "cli/progress_line.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 5> kRunFlags{{
    {"detach", FlagKind::kSwitch, "", "start it in the background and return", ""},
    {"d", FlagKind::kSwitch, "", "", ""},
    {"forward", FlagKind::kTexts, "HOST:GUEST",
     "a TCP port of this host that leads into the guest, for this run", ""},
    {"headless", FlagKind::kSwitch, "", "", ""},
    {"linux", FlagKind::kSwitch, "", "", ""},
}};

Result<int> run_foreground(Invocation& inv, const VmDirectory& vm, const std::vector<PortForward>& forwards) {
  const auto& name = vm.name().str();
  auto progress = make_progress(inv.env.err);
  progress->step("starting " + name);
  auto launched = COVE_TRY(start_vm(
      inv.context(), inv.env, vm, {.mode = LaunchRequest::Mode::kAttached, .forwards = forwards}, *progress));
  progress.reset();
  auto stream = COVE_TRY(attach_console(inv.context(), vm, ConsoleFrom::kBeginning));
  if (is_terminal(inv.env.in)) inv.out.note("Console of " + name + ". Ctrl-] shuts the VM down.");
  const auto end =
      run_console(inv.context(), std::move(stream),
                  {.in = inv.env.in, .out = inv.env.out, .at_end = ConsoleOptions::AtEnd::kStay});
  const bool asked = !end.ok() || *end == ConsoleEnd::kLeft;
  if (asked) {
    inv.out.note("\nshutting " + name + " down");
    // Not the cancelled context: the guest gets its time although the user pressed Ctrl-C.
    const auto stopped = COVE_TRY(stop_vm({}, vm, StopMode::kAsk, std::chrono::seconds(30)));
    if (stopped.end.forced) inv.out.note(stop_deed(vm, stopped).text);
  }
  launched.lifetime.reset();
  const auto status = COVE_TRY(launched.process.wait({}));
  if (!end.ok()) return end.error();
  if (!status.success() && !asked) {
    return Error(Code::kAborted, "vm \"" + name + "\" ended badly: its supervisor had " + status.describe())
        .hint("why: cove logs -supervisor " + name);
  }
  return 0;
}

Result<int> run_run(Invocation& inv) {
  std::vector<PortForward> forwards;
  for (const auto& text : inv.flags.texts("forward")) {
    auto forward = parse_forward(text);
    if (!forward.ok()) return inv.usage(std::move(forward).error());
    forwards.push_back(*forward);
  }
  COVE_TRY(check_constant_switches(inv, {"linux", "headless"}));
  const auto vm = COVE_TRY(choose_vm(inv));
  COVE_TRY(check_startable(vm));
  if (!inv.flags.is_set("detach") && !inv.flags.is_set("d")) return run_foreground(inv, vm, forwards);
  auto progress = make_progress(inv.env.err);
  progress->step("starting " + vm.name().str());
  COVE_TRY(start_vm(inv.context(), inv.env, vm, {.forwards = forwards}, *progress));
  progress.reset();
  inv.tell(
      {.vm = vm.name().str(), .done = "started", .state = "running", .text = vm.name().str() + ": running"});
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
