// What cove-fetch says on its standard output: one JSON object per line.
#pragma once

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"

namespace cove {

// Reads to the end of the stream, telling `progress`. The error that cove-fetch reported, if it did.
Result<void> read_fetch_lines(const OpContext& ctx, int fd, Progress& progress);
// One line of it. kInvalidArgument if it is not understood.
Result<void> take_fetch_line(std::string_view line, Progress& progress);

}  // namespace cove
