// JSON and the small decoders that every other parser stands on: what is accepted comes back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "base/strings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto json = cove::Json::parse(text); json.ok()) {
    const auto printed = json->dump();
    const auto again = cove::Json::parse(printed);
    // Bytes that are no UTF-8 are replaced once, and then stay.
    if (!again.ok() || again->dump() != printed) __builtin_trap();
  }
  if (const auto bytes = cove::hex_decode(text); bytes && bytes->size() * 2 != size) __builtin_trap();
  if (const auto bytes = cove::base64_decode(text);
      bytes && cove::base64_decode(cove::base64_encode(*bytes)) != bytes) {
    __builtin_trap();
  }
  if (const auto number = cove::parse_i64(text);
      number && cove::parse_i64(std::to_string(*number)) != number) {
    __builtin_trap();
  }
  return 0;
}
