// vm_reasons: the words for a VM that cannot do what was asked: its state, why, and what to type. The one
// place that knows them, so that status and every error say the same. Any thread.
#pragma once

#include <string>

#include "base/error.h"
#include "store/vm_directory.h"

namespace cove {

// What to type next, in a state that no supervisor answers for; empty when there is nothing to do.
std::string next_step(const VmName& name, const Observation& seen);

// A command other than the supervisor holds the VM.
Error busy_error(const VmName& name, const LockNote& holder);

// Why there is no supervisor to ask: the VM is not there (kNotFound), stopped, crashed, unfinished, broken or
// held by a command (kFailedPrecondition). The hint is the next step.
Error not_running_error(const VmDirectory& vm, const Observation& seen);

}  // namespace cove
