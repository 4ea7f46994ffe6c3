// fetch_end: how a cove-fetch that is no longer wanted is ended, and what the user is told of it.
#pragma once

#include "base/process.h"
#include "base/progress.h"
#include "cli/fetch_lines.h"

namespace cove {

// Asks it to end and waits until it has removed its folders; after `patience` its process group is killed.
// `cancelled` with a hint that names what is left, if anything. Blocking; ends early for nobody.
Error end_fetch(Process& fetch, FetchLines& lines, std::chrono::nanoseconds patience, Progress& progress,
                Error cancelled);

}  // namespace cove
