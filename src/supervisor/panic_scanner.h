// PanicScanner: finds in what a guest writes on its console that its kernel has given up. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cove {

// What a Linux kernel gave as its reason, if `line` is the kernel's own message:
// "[    1.5] Kernel panic - not syncing: sysrq triggered crash" -> "sysrq triggered crash". Before its time
// stamp may stand what others have begun to write, such as a prompt; a message without one stands alone. A
// line that only mentions a panic is none.
std::optional<std::string> panic_reason(std::string_view line);

struct PanicExcerpt {
  std::string reason;
  std::vector<std::string> lines;  // from the kernel's message on
};

// The last panic that `lines` tell of, with `most` lines of it at most; nothing if they tell of none.
std::optional<PanicExcerpt> panic_excerpt(const std::vector<std::string>& lines, std::size_t most);

class PanicScanner {
 public:
  // The reason in the first such line that `bytes` complete.
  std::optional<std::string> push(std::string_view bytes);

 private:
  static constexpr std::size_t kMaxLine = 400;
  std::string line_;
};

}  // namespace cove
