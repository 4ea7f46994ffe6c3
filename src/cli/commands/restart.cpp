#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/vm_beginning.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 2> kRestartFlags{{
    {"timeout", FlagKind::kDuration, "TIME", "how long the guest may take to stop before it is forced",
     "60s"},
    {"force", FlagKind::kSwitch, "", "do not ask the guest, reset it", ""},
}};

// After Ctrl-C nothing starts it again.
template <typename T>
Result<T> or_interrupted(const VmDirectory& vm, Result<T> done) {
  if (done.ok() || done.error().code() != Code::kCancelled) return done;
  const auto& name = vm.name().str();
  if (!vm.observe().holder) {
    return Error(Code::kCancelled, "interrupted while vm \"" + name + "\" was restarting; it is down now")
        .hint("start it again: cove up " + name);
  }
  return Error(Code::kCancelled, done.error().message() + "; it is not started again")
      .hint("start it again when it is down: cove up " + name + "\n" + done.error().hint_text());
}

// A stop and a start, not a reset of the machine: what was set while it ran takes effect.
Result<int> run_restart(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv));
  const auto mode = inv.flags.is_set("force") ? StopMode::kForce : StopMode::kAsk;
  auto progress = make_progress(inv.env.err);
  progress->step("stopping " + vm.name().str());
  const auto stopped =
      COVE_TRY(or_interrupted(vm, stop_vm(inv.context(), vm, mode, *inv.flags.duration("timeout"))));
  const auto beginning = look_at_beginning(vm, LaunchRequest::Beginning::kAsItWas);
  note_differences(inv, vm, beginning);
  progress->step("starting " + vm.name().str());
  COVE_TRY(or_interrupted(vm, start_vm(inv.context(), inv.env, vm, {}, *progress)));
  progress.reset();
  const bool ran = stopped.when == Stopped::When::kNow;
  Deed deed = stop_deed(vm, stopped);
  if (beginning.how == VmBeginning::How::kGoesOn) {
    deed = started_deed(vm, beginning);
    deed.text += " (a boot: cove run -no-resume " + vm.name().str() + ")";
    inv.tell(deed);
    return 0;
  }
  if (stopped.end.forced) {
    deed.text += "; it starts again";
  } else {
    deed.text = vm.name().str() + (ran ? ": restarted" : ": was not running, started");
  }
  deed.done = ran ? "restarted" : "started";
  deed.state = "running";
  inv.tell(deed);
  return 0;
}

}  // namespace

constinit const CommandSpec kRestartCommand{.name = "restart",
                                            .words = "[NAME]",
                                            .summary = "stop a VM and start it again",
                                            .flags = kRestartFlags,
                                            .word_kind = WordKind::kVm,
                                            .most_words = 1,
                                            .run = run_restart};

}  // namespace cove
