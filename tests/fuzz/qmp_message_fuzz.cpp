// QEMU's monitor as a hostile speaker: any bytes, in pieces whose size the first byte gives.
#include <algorithm>
#include <cstdint>

#include "wire/qmp_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = std::size_t{data[0]} + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  cove::QmpParser parser;
  std::vector<cove::QmpMessage> messages;
  bool failed = false;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const bool ok = parser.push(text.substr(at, step), messages).ok();
    if (failed && ok) __builtin_trap();  // a broken stream must stay broken
    failed = !ok;
  }
  return 0;
}
