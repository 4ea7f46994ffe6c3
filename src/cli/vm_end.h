// vm_end: what the end of a VM looks like from outside: its lock is given up, and its files say how it ended.
// Blocking; any thread.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "store/vm_directory.h"

namespace cove {

// Waits until nobody holds the run lock.
Result<void> wait_released(const OpContext& ctx, const VmDirectory& vm);

// For a conversation with a VM that broke off (kUnavailable, kAborted): if the VM has ended or is about to,
// within a few seconds, the error says so and why (it was deleted, crashed, stopped); else, and for other
// codes, it is `error` itself.
Error explain_end(const OpContext& ctx, const VmDirectory& vm, Error error);

}  // namespace cove
