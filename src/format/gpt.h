// GUID partition tables (UEFI specification, chapter 5): written for a new disk, read and stretched when the
// disk became larger. Pure functions on bytes; sectors of 512 bytes, 128 entries of 128 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove {

using Guid = std::array<unsigned char, 16>;  // as stored on disk
// "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"; kInvalidArgument on anything else.
Result<Guid> parse_guid(std::string_view text);
std::string to_string(const Guid& guid);  // lower case
Guid random_guid();

inline constexpr std::uint64_t kSectorBytes = 512;
inline constexpr std::uint64_t kGptHeadSectors = 34;  // protective MBR, header, entries
inline constexpr std::uint64_t kGptTailSectors = 33;  // entries, header

struct GptPartition {
  Guid type{};
  Guid id{};
  std::uint64_t first_sector = 0;
  std::uint64_t last_sector = 0;  // inclusive
  std::uint64_t attributes = 0;
  std::string name;  // UTF-16LE, 72 bytes at most; see gpt_name()
};
std::string gpt_name(std::string_view ascii);

struct GptLayout {
  Guid disk_id{};
  std::uint64_t table_end = 0;                                // last sector of the disk as the table knows it
  std::vector<std::pair<unsigned, GptPartition>> partitions;  // {index from 0, entry}
};

// `head`: the disk's first 34 sectors. kDataLoss: no valid table (signature, sizes, checksums, order).
Result<GptLayout> parse_gpt(std::string_view head);

struct GptBytes {
  std::string head;  // 34 sectors for the disk's beginning
  std::string tail;  // 33 sectors for its end
};
// kInvalidArgument: partitions that overlap or leave the usable sectors.
Result<GptBytes> encode_gpt(const GptLayout& layout, std::uint64_t disk_sectors);

// Stretches the partition that ends last to the end of a disk of `disk_sectors`; its index, or nullopt-like
// kFailedPrecondition if the table already fills the disk. kOutOfRange: the disk became smaller.
Result<unsigned> stretch_last_partition(GptLayout& layout, std::uint64_t disk_sectors);

}  // namespace cove
