#include "cli/vm_power.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "cli/vm_end.h"
#include "format/duration.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr auto kStartLimit = std::chrono::seconds(120);
constexpr auto kEndLimit = std::chrono::seconds(20);
// What a forced stop waits for a supervisor before it is killed.
constexpr auto kForcePatience = std::chrono::seconds(5);

// The supervisor's end takes the engine with it (parent-death signal).
Result<void> kill_supervisor(const VmDirectory& vm) {
  const auto seen = vm.observe();
  if (!seen.has_supervisor() || seen.holder->pid <= 1) return {};
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, seen.holder->pid, 0)));
  if (!process) return errno == ESRCH ? Result<void>() : Error::from_errno(errno, "finding the supervisor");
  // The number may have been given to another process meanwhile: only a lock still held by it proves who it
  // is.
  const auto again = vm.observe();
  if (!again.has_supervisor() || again.holder->pid != seen.holder->pid) return {};
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return Error::from_errno(errno, "killing supervisor " + std::to_string(seen.holder->pid));
  }
  return {};
}

// Nobody waits any more; what was asked for goes on.
Error interrupted_stop(const VmDirectory& vm, StopMode mode, std::chrono::nanoseconds patience) {
  const auto& name = vm.name().str();
  const auto hint =
      "wait for its end: cove wait -for stopped " + name + "\nend it now: cove stop -force " + name;
  if (!vm.observe().stopping()) {
    return Error(Code::kCancelled, "interrupted while asking vm \"" + name +
                                       "\" to stop; it runs on unless "
                                       "its supervisor hears it late")
        .hint(hint);
  }
  return Error(Code::kCancelled,
               "interrupted while vm \"" + name + "\" was stopping; " +
                   (mode == StopMode::kForce
                        ? std::string("it is being ended by force")
                        : "it was asked to shut down and goes on doing so, by force after " +
                              format_duration(patience)))
      .hint(hint);
}

// What was ended as asked is stopped, not crashed.
Result<void> close_killed_session(const VmDirectory& vm) {
  vm.drop_stale_ram();
  const auto lock = vm.lock("stop");
  return lock.ok() ? vm.end_session() : Result<void>();  // else somebody starts or deletes it already
}

}  // namespace

Result<void> check_startable(const VmDirectory& vm) {
  const auto seen = vm.observe();
  const auto& name = vm.name().str();
  switch (seen.state) {
    case MachineState::kStopped:
    case MachineState::kCrashed:  // its disk is as after a power cut; starting it is the cure
    case MachineState::kSuspended:
      return {};
    case MachineState::kCreating:
    case MachineState::kBroken:
      return not_running_error(vm, seen);
    default:
      return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is already running")
          .hint("its state: cove status " + name + "\nits console: cove console " + name);
  }
}

Result<LaunchedVm> start_vm(const OpContext& ctx, const Environment& env, const VmDirectory& vm,
                            const StartWish& wish, Progress& progress) {
  COVE_TRY(check_startable(vm));
  const LaunchRequest request{.program = env.libexec / "cove-vm",
                              .home = env.home,
                              .vm = vm.name().str(),
                              .log_file = vm.supervisor_log(),
                              .forwards = wish.forwards,
                              .mode = wish.mode,
                              .beginning = wish.beginning};
  return launch_vm(ctx.with_timeout(kStartLimit), request, progress)
      .context("starting vm \"" + vm.name().str() + "\"");
}

Result<Stopped> stop_vm(const OpContext& ctx, const VmDirectory& vm, StopMode mode,
                        std::chrono::nanoseconds patience) {
  const auto seen = vm.observe();
  if (!seen.holder) {
    vm.drop_stale_ram();  // of one that crashed
    return Stopped{.when = Stopped::When::kAlready};
  }
  if (!seen.has_supervisor()) return busy_error(vm.name(), *seen.holder);
  const auto limit = mode == StopMode::kForce ? ctx.with_timeout(kEndLimit) : ctx;
  Stopped stopped;
  auto asked = ask_stop(limit, vm, mode, mode == StopMode::kForce ? kForcePatience : patience);
  const bool killed = !asked.ok();
  if (asked.ok()) {
    stopped.end = std::move(asked).value();
  } else {
    // Gone between the look and the question: that is what was wanted.
    if (!vm.observe().holder) return stopped;
    const auto code = asked.error().code();
    if (code == Code::kCancelled) return interrupted_stop(vm, mode, patience);
    if (code == Code::kPermissionDenied) return std::move(asked).error();
    if (mode == StopMode::kAsk && code != Code::kDeadlineExceeded) {
      return std::move(asked)
          .context("stopping vm \"" + vm.name().str() + "\"")
          .hint("end it by force: cove stop -force " + vm.name().str())
          .error();
    }
    stopped.end = {.forced = true, .why = "its supervisor did not answer and was killed"};
    COVE_TRY(kill_supervisor(vm));
  }
  COVE_TRY(wait_released(ctx.with_timeout(kEndLimit), vm)
               .context("waiting for the supervisor of vm \"" + vm.name().str() + "\" to end")
               .hint("end it by force: cove stop -force " + vm.name().str()));
  if (killed) COVE_TRY(close_killed_session(vm));
  return stopped;
}

Deed stop_deed(const VmDirectory& vm, const Stopped& stopped) {
  const auto& name = vm.name().str();
  const auto& end = stopped.end;
  Deed deed{.vm = name, .done = "stopped", .state = std::string(to_string(vm.observe().state))};
  deed.details.set("forced", end.forced);
  if (stopped.when == Stopped::When::kAlready) {
    deed.done = "nothing";
    const bool suspended = deed.state == to_string(MachineState::kSuspended);
    deed.text = name + (suspended ? ": is suspended, nothing runs" : ": was not running");
  } else if (end.forced) {
    deed.text = name + " was stopped by force: " + end.why;
    deed.details.set("reason", end.why);
    if (!end.last_line.empty()) {
      deed.text += " (last line of its console: " + end.last_line + ")";
      deed.details.set("last_line", end.last_line);
    }
  } else {
    deed.text = name + ": stopped, its guest shut down";
  }
  return deed;
}

}  // namespace cove
