// `cove run` in the foreground: the VM's console is the user's terminal until the guest ends or the user
// leaves. Blocking; one thread.
#pragma once

#include "cli/command.h"
#include "cli/vm_power.h"

namespace cove {

// What becomes of the VM when the user leaves (Ctrl-], Ctrl-C, SIGTERM, SIGHUP).
enum class OnExit : unsigned char { kSuspend, kStop };

// With kSuspend it returns when the state is on disk. If the VM cannot be saved it runs on, the user is told
// why and is at its console again; leaving once more shuts it down.
Result<int> run_foreground(Invocation& inv, const VmDirectory& vm, StartWish wish, OnExit on_exit);

}  // namespace cove
