#include "supervisor/panic_scanner.h"

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::string_view kMark = "Kernel panic - not syncing";

// "[    1.234567]" at the end of `text`.
bool ends_with_time(std::string_view text) {
  if (!text.ends_with(']')) return false;
  const auto open = text.rfind('[');
  if (open == std::string_view::npos) return false;
  const auto time = text.substr(open + 1, text.size() - open - 2);
  return time.find('.') != std::string_view::npos &&
         time.find_first_not_of(" .0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<std::string> panic_reason(std::string_view line) {
  const auto at = line.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const auto before = trim(line.substr(0, at));
  if (!before.empty() && !ends_with_time(before)) return std::nullopt;
  line.remove_prefix(at + kMark.size());
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
