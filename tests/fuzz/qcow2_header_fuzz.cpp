// The headers of disks: whatever is accepted keeps its limits.
#include <cstdint>

#include "format/qcow2_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = cove::parse_qcow2_header({reinterpret_cast<const char*>(data), size});
  if (!header.ok()) return 0;
  const bool sane = header->virtual_bytes <= header->capacity_bytes() &&
                    header->backing_file.size() <= 1023 && header->backing_format.size() <= size;
  if (!sane) __builtin_trap();
  return 0;
}
