// Partition tables: what is accepted can be written again, and stretched without leaving the disk.
#include <cstdint>

#include "format/gpt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto layout = cove::parse_gpt({reinterpret_cast<const char*>(data), size});
  if (!layout.ok()) return 0;
  const std::uint64_t larger = (std::uint64_t{1} << 40U);
  if (!cove::stretch_last_partition(*layout, larger).ok()) return 0;
  const auto bytes = cove::encode_gpt(*layout, larger);
  if (bytes.ok() && !cove::parse_gpt(bytes->head).ok()) __builtin_trap();
  return 0;
}
