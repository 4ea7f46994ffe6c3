#include "control/line_reader.h"

#include "base/io.h"
#include "base/strings.h"

namespace cove {

std::optional<std::string> LineReader::take_line(bool at_end) {
  std::size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (!at_end || buffer_.empty()) return std::nullopt;
    end = buffer_.size();
  }
  std::string line(trim(std::string_view(buffer_).substr(0, end)));
  buffer_.erase(0, end + 1);
  searched_ = 0;
  return line;
}

Result<std::optional<std::string>> LineReader::next(const OpContext& ctx, int fd) {
  const auto too_long = [this] {
    return Error(Code::kResourceExhausted, "line longer than " + std::to_string(max_line_bytes_) + " bytes");
  };
  for (bool at_end = false;;) {
    while (auto line = take_line(at_end)) {
      if (line->size() > max_line_bytes_) return too_long();
      if (!line->empty()) return line;
    }
    if (at_end) return std::optional<std::string>();
    if (buffer_.size() > max_line_bytes_) return too_long();
    char chunk[16384];
    const std::size_t count = COVE_TRY(read_some(ctx, fd, chunk));
    at_end = count == 0;
    buffer_.append(chunk, count);
  }
}

std::string LineReader::take_rest() {
  searched_ = 0;
  return std::exchange(buffer_, {});
}

}  // namespace cove
