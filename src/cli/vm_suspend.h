// Suspending a VM from the CLI, and what is told of it.
#pragma once

#include "cli/command.h"
#include "cli/supervisor_calls.h"

namespace cove {

struct Suspended {
  enum class When : unsigned char { kNow, kAlready };
  When when = When::kNow;
  VmSaved saved{};
  std::chrono::milliseconds took{0};
};

// Returns when the state is on disk and nothing holds the VM any more. kFailedPrecondition: it does not run.
// After an error the VM goes on.
Result<Suspended> suspend_vm(const OpContext& ctx, const VmDirectory& vm);

// "web: suspended in 0.31 s"; `done` says the same for programs.
Deed suspend_deed(const VmDirectory& vm, const Suspended& suspended);

// Every VM that the invocation names, or with -all every one that runs; each is tried, the first failure is
// the status.
Result<int> suspend_vms(Invocation& inv);

}  // namespace cove
