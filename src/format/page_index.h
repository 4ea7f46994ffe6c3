// PageIndex: for one saved state the pages of memory that differ from its full layer, and where each is to be
// found: a slot of a page layer, or nowhere because it holds zeros only. Complete: no other state's index is
// needed to read it. A value; any thread. Pages have 4096 bytes; numbers in the file are little-endian.
//
//   header   64 bytes: "COVEPGIX", u32 version, u32 page bytes, u64 memory bytes, u32 layers, u32 0, u64
//   pages,
//            u64 0, checksum of everything else (the checksum's bytes taken as zeros): u64 high, u64 low
//   layers   16 bytes each: the page layer's id
//   pages    32 bytes each: u32 page, u32 slot, u32 layer (0xffffffff: zeros), u32 0, checksum: u64 high, u64
//   low
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/checksum128.h"

namespace cove {

inline constexpr std::uint64_t kPageBytes = 4096;

struct PageRef {
  static constexpr std::uint32_t kZeros = 0xffffffff;  // as `layer`: the page holds zeros, there is no slot
  std::uint32_t page = 0;                              // number of the page in memory
  std::uint32_t slot = 0;                              // its place in the layer: at slot * kPageBytes
  std::uint32_t layer = kZeros;                        // index into PageIndex::layers
  Checksum128 checksum{};                              // of the page's bytes
  friend bool operator==(const PageRef&, const PageRef&) = default;
};

struct PageIndex {
  std::uint64_t memory_bytes = 0;     // a multiple of kPageBytes, 16 TiB at most
  std::vector<std::string> layers{};  // ids, 32 lower-case hex digits each
  std::vector<PageRef> pages{};       // by page, ascending, each page once
  friend bool operator==(const PageIndex&, const PageIndex&) = default;
};

// The index has to be as described above (a caller's error otherwise).
std::string encode_page_index(const PageIndex& index);
// kDataLoss says what is wrong; kFailedPrecondition: written by a newer cove.
Result<PageIndex> parse_page_index(std::string_view bytes);
// Its layers alone; their pages are covered by the checksum, but not looked at.
Result<std::vector<std::string>> parse_page_index_layers(std::string_view bytes);

}  // namespace cove
