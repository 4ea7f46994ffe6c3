// gpt: makes the last partition of a GUID partition table reach to the end of a disk that has grown. Works on
// any descriptor (a disk, an image). Blocking.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"

namespace cove::agentd {

struct GptDisk {
  int fd = -1;  // open for reading and writing; borrowed
  std::uint64_t bytes = 0;
  std::uint32_t sector_bytes = 512;
};

struct PartitionExtent {
  std::uint64_t start_bytes = 0;
  std::uint64_t length_bytes = 0;
  enum class Change : std::uint8_t { kNone, kGrown };
  Change change = Change::kNone;
};

// `number` counts from 1. The backup table is written first, then the primary: a cut leaves one that is
// whole. kFailedPrecondition: no valid table, no such partition, it reaches beyond the disk, or
// another one stands behind it.
Result<PartitionExtent> grow_gpt_partition(const OpContext& ctx, const GptDisk& disk, std::uint32_t number);

std::uint32_t crc32(std::string_view bytes);

}  // namespace cove::agentd
