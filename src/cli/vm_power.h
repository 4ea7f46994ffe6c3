// Starting and stopping a VM from the CLI, with every state it may be in.
#pragma once

#include "base/progress.h"
#include "cli/command.h"
#include "cli/supervisor_calls.h"
#include "control/launcher.h"

namespace cove {

// kFailedPrecondition: it runs already, or is not finished or broken (with the cure).
Result<void> check_startable(const VmDirectory& vm);

struct StartWish {
  LaunchRequest::Mode mode = LaunchRequest::Mode::kDetached;
  std::vector<PortForward> forwards{};  // for this run
  LaunchRequest::Beginning beginning = LaunchRequest::Beginning::kAsItWas;
};

// Starts the supervisor. kFailedPrecondition: it runs already, or is not finished or broken (with the cure).
Result<LaunchedVm> start_vm(const OpContext& ctx, const Environment& env, const VmDirectory& vm,
                            const StartWish& wish, Progress& progress);

struct Stopped {
  enum class When : unsigned char { kNow, kAlready };
  When when = When::kNow;
  VmStopped end{};
};
// Asks, after `patience` forces (kForce: at once), and returns when nothing holds the VM any more. With
// kForce a supervisor that does not answer is killed.
Result<Stopped> stop_vm(const OpContext& ctx, const VmDirectory& vm, StopMode mode,
                        std::chrono::nanoseconds patience);

// "web: stopped", or that and why it was stopped by force; `done` says the same for programs.
Deed stop_deed(const VmDirectory& vm, const Stopped& stopped);

}  // namespace cove
