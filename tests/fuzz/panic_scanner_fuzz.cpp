// What a guest writes on its console, in two pieces.
#include "supervisor/panic_scanner.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cove::PanicScanner scanner;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(scanner.push(bytes.substr(0, size / 2)));
  static_cast<void>(scanner.push(bytes.substr(size / 2)));
  return 0;
}
