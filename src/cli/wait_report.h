// The error of a wait that timed out: which fact is missing, what is known, the guest's last lines, what to
// type next. Pure.
#pragma once

#include <chrono>

#include "cli/supervisor_calls.h"

namespace cove {

Error unmet_error(const std::string& vm, std::string_view fact, std::chrono::nanoseconds waited,
                  const WaitOutcome& outcome);

}  // namespace cove
