// run_cli: the whole of `cove` but its main(): finds the command, parses, runs it, prints what went wrong.
// One call per process.
#pragma once

#include "cli/environment.h"

namespace cove {

// Exit statuses: 0 done, 1 failed, 2 used wrongly, 130 cancelled; exec and shell: the guest's own.
int run_cli(const Environment& env);

}  // namespace cove
