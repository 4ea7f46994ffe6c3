// PanicScanner: finds in what a guest writes on its console that its kernel has given up. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cove {

// What a Linux kernel gave as its reason, if `line` is the kernel's own message:
// "[    1.5] Kernel panic - not syncing: sysrq triggered crash" -> "sysrq triggered crash". Before its time
// stamp may stand what others have begun to write, such as a prompt; a message without one stands alone. A
// line that only mentions a panic is none.
std::optional<std::string> panic_reason(std::string_view line);

class PanicScanner {
 public:
  // The reason in the first such line that `bytes` complete.
  std::optional<std::string> push(std::string_view bytes);

 private:
  static constexpr std::size_t kMaxLine = 400;
  std::string line_;
};

}  // namespace cove
