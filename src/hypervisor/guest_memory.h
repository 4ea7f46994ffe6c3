// GuestMemory: the memory of one machine from outside, in pages of 4096 bytes counted from its beginning. It
// is a file that the engine maps: shared by a machine that booted, privately by one that was made from a
// saved state; then the file is what it was, and the pages that differ are the engine's own. Shared with the
// machine, which makes it; any thread, one at a time. When the engine is gone, its own pages are, too:
// reading fails then. What a running guest's pages hold is some moment of each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove {

inline constexpr std::uint64_t kGuestPageBytes = 4096;

// Pages that follow each other.
struct PageRun {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const PageRun&, const PageRun&) = default;
};

class GuestMemory {
 public:
  enum class Mapping : std::uint8_t { kShared, kPrivate };

  virtual ~GuestMemory() = default;
  GuestMemory() = default;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  virtual Mapping mapping() const = 0;
  virtual int file() const = 0;  // borrowed
  virtual std::uint64_t bytes() const = 0;
  // kPrivate: the pages that may differ from the file's, ascending. 9-16 ms per GiB of memory.
  virtual Result<std::vector<PageRun>> changed_pages() const = 0;
  // Exactly run.count pages. About 1 ms per MiB.
  virtual Result<void> read(PageRun run, std::span<char> buffer) const = 0;
  // Whole pages. Only while the machine stands still.
  virtual Result<void> write(std::uint32_t first, std::string_view bytes) = 0;
};

}  // namespace cove
