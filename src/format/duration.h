// Durations as Go writes them: "1h2m3.5s", "300ms", "-1.5h", "0". Pure functions; 64-bit nanoseconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

// Optional sign, then "0" or pairs of a decimal number and a unit (ns us µs μs ms s m h) without blanks.
// kInvalidArgument with Go's wording, e.g. `time: missing unit in duration "5"`; overflow is an error.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// "1h0m0s", "3m0s", "1.5s", "500ms", "1.5µs", "10ns", "0s"; parse_duration reads it back exactly.
std::string format_duration(std::chrono::nanoseconds span);

}  // namespace cove
