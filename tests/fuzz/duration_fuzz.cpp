// Any bytes are a duration or an error; what a duration prints as reads back as the same.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "format/duration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto span = cove::parse_duration({reinterpret_cast<const char*>(data), size});
  if (!span.ok()) {
    COVE_CHECK(span.error().message().starts_with("time: "));
    return 0;
  }
  const auto again = cove::parse_duration(cove::format_duration(*span));
  COVE_CHECK(again.ok() && *again == *span);
  return 0;
}
