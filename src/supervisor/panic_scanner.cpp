#include "supervisor/panic_scanner.h"

#include <algorithm>

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

std::optional<PanicExcerpt> panic_excerpt(const std::vector<std::string>& lines, std::size_t most) {
  for (std::size_t i = lines.size(); i-- > 0;) {
    const auto reason = panic_reason(lines[i]);
    if (!reason) continue;
    const auto first = lines.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = std::min(lines.size() - i, most);
    return PanicExcerpt{*reason, {first, first + static_cast<std::ptrdiff_t>(count)}};
  }
  return std::nullopt;
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
