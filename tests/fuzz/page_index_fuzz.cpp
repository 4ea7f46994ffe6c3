// A page index is read from a disk that may be broken: whatever the bytes are, it is refused or complete, and
// what is accepted is written again as it was. The checksum is mended, so that what lies behind it is
// reached.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "format/page_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.size() >= 64) {
    std::fill_n(bytes.begin() + 48, 16, '\0');
    const auto sum = cove::Checksum128::of(bytes);
    for (unsigned i = 0; i < 8; ++i) bytes[48 + i] = static_cast<char>(sum.high >> (8 * i));
    for (unsigned i = 0; i < 8; ++i) bytes[56 + i] = static_cast<char>(sum.low >> (8 * i));
  }
  const auto index = cove::parse_page_index(bytes);
  if (index.ok() && cove::encode_page_index(*index) != bytes) std::abort();
  return 0;
}
