// supervisor_dial: connects to a socket of the supervisor of one VM; an error says what the VM is doing
// instead of answering, why, and what to type. Blocking; any thread.
#pragma once

#include <filesystem>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "store/vm_directory.h"

namespace cove {

// The supervisor took a question and did not answer it in time.
Error silent_error(const VmDirectory& vm, const LockNote& supervisor);

// `socket` is vm.control_socket() or vm.agent_socket(). Who holds the run lock decides what an error says:
// nobody: kFailedPrecondition, the VM is stopped, crashed, unfinished or broken (kNotFound: it is not there);
// a supervisor: kUnavailable while it has no socket yet or no more, kDeadlineExceeded if it does not accept,
// kPermissionDenied if another user started it.
Result<UniqueFd> dial_supervisor(const OpContext& ctx, const VmDirectory& vm,
                                 const std::filesystem::path& socket);

}  // namespace cove
