#include "hypervisor/qemu/line_tail.h"

namespace cove {

void LineTail::push(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      if (!open_.empty()) lines_.push_back(std::move(open_));
      open_.clear();
      if (lines_.size() > kMaxLines) lines_.pop_front();
    } else if (c != '\r' && open_.size() < kMaxLineBytes) {
      const auto byte = static_cast<unsigned char>(c);
      open_.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
    }
  }
}

std::vector<std::string> LineTail::lines() const {
  std::vector<std::string> all(lines_.begin(), lines_.end());
  if (!open_.empty()) all.push_back(open_);
  return all;
}

}  // namespace cove
