// The guest agent stretches a partition table that it reads from a disk: whatever stands there, no write goes
// beyond the disk, and an accepted table leaves a partition that lies inside it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agentd/gpt.h"
#include "base/unique_fd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::uint64_t kBytes = std::uint64_t{8} << 20U;
  const cove::UniqueFd disk(::memfd_create("disk", MFD_CLOEXEC));
  if (::ftruncate(disk.get(), kBytes) < 0) return 0;
  // The table's head is the input, up to 64 KiB; the rest of the disk is empty.
  const std::size_t count = std::min<std::size_t>(size - 1, 65536);
  if (::pwrite(disk.get(), data + 1, count, 0) != static_cast<ssize_t>(count)) return 0;
  const auto grown = cove::agentd::grow_gpt_partition({}, {disk.get(), kBytes, 512}, data[0] % 8U);
  if (grown.ok() && (grown->start_bytes > kBytes || grown->length_bytes > kBytes - grown->start_bytes))
    __builtin_trap();
  if (static_cast<std::uint64_t>(::lseek(disk.get(), 0, SEEK_END)) != kBytes) __builtin_trap();
  return 0;
}
