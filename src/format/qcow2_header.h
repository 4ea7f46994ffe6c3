// The header of a qcow2 file: read with limits, and written for a new, empty disk. Pure functions; layout as
// in QEMU's docs/interop/qcow2.txt. Only what a host needs to know of a disk: nothing here reads clusters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

struct Qcow2Header {
  std::uint32_t version = 3;
  std::uint64_t virtual_bytes = 0;
  std::uint32_t cluster_bits = 16;  // 9..21
  std::uint32_t l1_entries = 0;
  std::uint64_t l1_offset = 0;
  std::uint64_t incompatible_features = 0;  // bit 0: not closed cleanly, bit 1: corrupt
  std::string backing_file;                 // as written in the file; at most 1023 bytes; empty: none
  std::uint64_t backing_offset = 0;         // of that name in the file
  std::string backing_format;               // "raw", "qcow2"; empty: not said
  // What the L1 table can address: growing up to here changes one field only.
  std::uint64_t capacity_bytes() const;
};

// How many bytes of the file's beginning parse_qcow2_header() wants (a shorter file gives all it has).
inline constexpr std::size_t kQcow2HeaderRead = 65536;
inline constexpr std::uint64_t kQcow2SizeOffset = 24;  // of the virtual size in the file, big-endian u64
inline constexpr std::uint64_t kMaxDiskBytes = std::uint64_t{16} << 40U;

// kDataLoss says which field is impossible; kUnimplemented: encrypted, or features this version cannot grow.
Result<Qcow2Header> parse_qcow2_header(std::string_view bytes);

struct Qcow2Layout {
  std::string head;              // goes to the file's beginning
  std::uint64_t file_bytes = 0;  // the file's length: what is not in `head` reads as zeros
};
// An empty disk, over a backing file if one is named. The L1 table has room for kMaxDiskBytes.
// kInvalidArgument: size not a multiple of 512 or beyond 16 TiB, name too long.
Result<Qcow2Layout> encode_qcow2(std::uint64_t virtual_bytes, std::string_view backing_file,
                                 std::string_view backing_format);

}  // namespace cove
