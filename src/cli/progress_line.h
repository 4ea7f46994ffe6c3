// ProgressLine: long work shown on standard error. On a terminal one live line: phase, bytes, rate, time;
// else a plain line for each phase, and one every ten seconds while bytes flow. Nothing is left behind on the
// terminal when it goes, but a line per finished phase.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/progress.h"

namespace cove {

// What a phase has reached, as text: "12.3 MB of 300.0 MB, 4.0 MB/s, 12 s". Pure.
std::string progress_text(std::uint64_t done, std::uint64_t total,
                          std::chrono::steady_clock::duration elapsed);

// For the descriptor, as it is: a terminal or something else.
std::unique_ptr<Progress> make_progress(int err);

}  // namespace cove
