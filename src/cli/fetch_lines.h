// What cove-fetch says on its standard output: one JSON object per line.
#pragma once

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "control/line_reader.h"

namespace cove {

class FetchLines {
 public:
  explicit FetchLines(int fd);  // borrowed
  // Reads to the end of the stream, telling `progress`. The error that cove-fetch reported, if it did. After
  // a cancel it may be called again and goes on where it stopped.
  Result<void> read(const OpContext& ctx, Progress& progress);

 private:
  int fd_;
  LineReader reader_;
};
// One line of it. kInvalidArgument if it is not understood.
Result<void> take_fetch_line(std::string_view line, Progress& progress);

}  // namespace cove
