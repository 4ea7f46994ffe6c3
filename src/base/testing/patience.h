// How long tests wait: contexts for calls that must end by themselves, and whose deadline only turns a hang
// into a failure. Long, because a loaded machine under a sanitizer is slow. Any thread.
#pragma once

#include <chrono>

#include "base/cancel.h"

namespace cove::testing {

inline OpContext within(std::chrono::nanoseconds span) { return {CancelToken(), Deadline::after(span)}; }
// From now on, a minute: call it anew for each operation.
inline OpContext patient() { return within(std::chrono::minutes(1)); }

}  // namespace cove::testing
