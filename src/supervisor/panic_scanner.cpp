#include "supervisor/panic_scanner.h"

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::string_view kMark = "Kernel panic - not syncing";

}  // namespace

std::optional<std::string> panic_reason(std::string_view line) {
  line = trim(line);
  if (line.starts_with('[')) {
    const auto end = line.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    if (line.substr(1, end - 1).find_first_not_of(" .0123456789") != std::string_view::npos)
      return std::nullopt;
    line = trim(line.substr(end + 1));
  }
  if (!line.starts_with(kMark)) return std::nullopt;
  line.remove_prefix(kMark.size());
  if (line.starts_with(':')) line.remove_prefix(1);
  return std::string(trim(line));
}

std::optional<std::string> PanicScanner::push(std::string_view bytes) {
  std::optional<std::string> found;
  for (const char byte : bytes) {
    if (byte == '\n') {
      if (!found) found = panic_reason(line_);
      line_.clear();
    } else if (line_.size() < kMaxLine) {
      line_ += byte;
    }
  }
  return found;
}

}  // namespace cove
