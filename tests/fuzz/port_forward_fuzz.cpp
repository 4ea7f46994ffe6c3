// -forward specifications: whatever is accepted is written back to a text that means the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/port_forward.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto forward = cove::parse_forward({reinterpret_cast<const char*>(data), size});
  if (!forward.ok()) return 0;
  COVE_CHECK(forward->guest_port != 0);
  const auto again = cove::parse_forward(cove::format_forward(*forward));
  COVE_CHECK(again.ok() && *again == *forward);
  return 0;
}
