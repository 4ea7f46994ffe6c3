// LineReader: newline-terminated lines from a descriptor, with a limit on their length. Used by one thread;
// the descriptor is borrowed and given to each call.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"

namespace cove {

class LineReader {
 public:
  explicit LineReader(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // The next line without its newline and without blanks at its ends; empty lines are skipped. nullopt at the
  // end of the stream (a last line without newline counts as a line). kResourceExhausted for a longer line:
  // the stream is then of no use any more.
  Result<std::optional<std::string>> next(const OpContext& ctx, int fd);
  // What was read beyond the last line.
  std::string take_rest();

 private:
  std::optional<std::string> take_line(bool at_end);

  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t searched_ = 0;  // of buffer_, known to hold no newline
};

}  // namespace cove
