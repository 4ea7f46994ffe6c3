#include "cli/foreground_run.h"

#include "cli/console_session.h"
#include "cli/progress_line.h"
#include "cli/terminal.h"
#include "cli/vm_suspend.h"

namespace cove {
namespace {

constexpr auto kStopPatience = std::chrono::seconds(30);

class ForegroundRun {
 public:
  ForegroundRun(Invocation& inv, const VmDirectory& vm, OnExit on_exit)
      : inv_(inv), vm_(vm), name_(vm.name().str()), on_exit_(on_exit) {}

  Result<int> run(StartWish wish) {
    wish.mode = LaunchRequest::Mode::kAttached;
    auto progress = make_progress(inv_.env.err);
    progress->step("starting " + name_);
    auto launched = COVE_TRY(start_vm(inv_.context(), inv_.env, vm_, wish, *progress));
    progress.reset();
    auto end = attend(inv_.context(), ConsoleFrom::kBeginning);
    if (left(end) && on_exit_ == OnExit::kSuspend) {
      if (suspend()) {
        launched.lifetime.reset();
        COVE_TRY(launched.process.wait({}));
        return 0;
      }
      end = attend({inv_.env.cancel_again, {}}, ConsoleFrom::kNow);
    }
    const bool asked = left(end);
    if (asked) COVE_TRY(stop());
    launched.lifetime.reset();
    const auto status = COVE_TRY(launched.process.wait({}));
    if (!end.ok()) return end.error();
    return asked ? Result<int>(0) : ended_by_itself(status);
  }

 private:
  static bool left(const Result<ConsoleEnd>& end) { return !end.ok() || *end == ConsoleEnd::kLeft; }

  // At the console until the guest ends or the user leaves.
  Result<ConsoleEnd> attend(const OpContext& ctx, ConsoleFrom from) {
    auto stream = COVE_TRY(attach_console({}, vm_, from));
    if (is_terminal(inv_.env.in)) {
      const bool suspends = on_exit_ == OnExit::kSuspend && from == ConsoleFrom::kBeginning;
      inv_.out.note(
          "Console of " + name_ +
          (suspends ? ". Ctrl-] suspends the VM; 'cove run' goes on." : ". Ctrl-] shuts the VM down."));
    }
    return run_console(ctx, std::move(stream),
                       {.in = inv_.env.in, .out = inv_.env.out, .at_end = ConsoleOptions::AtEnd::kStay});
  }

  // Not in the cancelled context: what was asked for takes its time. Whether the VM is suspended now.
  bool suspend() {
    inv_.out.note("\nsuspending " + name_);
    const auto suspended = suspend_vm({}, vm_);
    if (suspended.ok()) {
      inv_.out.note(suspend_deed(vm_, *suspended).text);
      return true;
    }
    const auto& why = suspended.error();
    inv_.out.note("cove: " + printable(why.message()));
    if (!why.hint_text().empty()) inv_.out.note("hint: " + printable(why.hint_text()));
    if (vm_.observe().has_supervisor())
      inv_.out.note(name_ + " runs on. The same again shuts it down: what is not saved in it is lost then.");
    return false;
  }

  Result<void> stop() {
    inv_.out.note("\nshutting " + name_ + " down");
    const auto stopped = COVE_TRY(stop_vm({}, vm_, StopMode::kAsk, kStopPatience));
    if (stopped.end.forced) inv_.out.note(stop_deed(vm_, stopped).text);
    return {};
  }

  Result<int> ended_by_itself(const ExitStatus& status) {
    if (status.success()) {
      if (vm_.observe().state == MachineState::kSuspended) inv_.out.note(name_ + ": was suspended");
      return 0;
    }
    return Error(Code::kAborted, "vm \"" + name_ + "\" ended badly: its supervisor had " + status.describe())
        .hint("why: cove logs -supervisor " + name_);
  }

  Invocation& inv_;
  const VmDirectory& vm_;
  const std::string& name_;
  OnExit on_exit_;
};

}  // namespace

Result<int> run_foreground(Invocation& inv, const VmDirectory& vm, StartWish wish, OnExit on_exit) {
  return ForegroundRun(inv, vm, on_exit).run(std::move(wish));
}

}  // namespace cove
