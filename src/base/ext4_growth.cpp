#include "base/ext4_growth.h"

#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"

namespace cove {
namespace {

constexpr unsigned long kResizeFs = _IOW('f', 16, std::uint64_t);  // EXT4_IOC_RESIZE_FS
constexpr std::uint64_t kStepBytes = std::uint64_t{32} << 30U;
constexpr auto kBusyPause = std::chrono::milliseconds(100);
// The superblock, as in the kernel's filesystems/ext4/super.rst.
constexpr off_t kSuperblockAt = 1024;
constexpr std::size_t kBlocksLow = 0x4;
constexpr std::size_t kBlocksHigh = 0x150;
constexpr std::size_t kSuperblockRead = kBlocksHigh + 4;

std::uint64_t number_at(const std::array<unsigned char, kSuperblockRead>& bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 4; i > 0; --i) value = value << 8U | bytes[at + i - 1];
  return value;
}

// What statfs tells is less: it leaves out what the file system needs for itself.
Result<std::uint64_t> blocks_now(int device) {
  std::array<unsigned char, kSuperblockRead> bytes{};
  if (::pread(device, bytes.data(), bytes.size(), kSuperblockAt) != static_cast<ssize_t>(bytes.size()))
    return Error::from_errno(errno, "reading the superblock");
  return number_at(bytes, kBlocksHigh) << 32U | number_at(bytes, kBlocksLow);
}

}  // namespace

Result<void> grow_ext4(const OpContext& ctx, const Ext4Mount& mount) {
  struct statfs info {};
  if (::fstatfs(mount.folder, &info) != 0) return Error::from_errno(errno, "looking at the file system");
  const auto block = static_cast<std::uint64_t>(info.f_bsize);
  const std::uint64_t wanted = mount.device_bytes / block;
  SystemClock clock;
  for (;;) {
    COVE_TRY(ctx.check());
    const std::uint64_t now = COVE_TRY(blocks_now(mount.device));
    const std::uint64_t next = std::min(wanted, now + kStepBytes / block);
    // Also when there is nothing to do: the end of one that is under way elsewhere has to be seen.
    const int failure = ::ioctl(mount.folder, kResizeFs, &next) == 0 ? 0 : errno;
    if (failure == 0 && next == wanted) return {};
    if (failure == EBUSY) COVE_TRY(clock.sleep(ctx, kBusyPause));
    const bool overtaken = failure != 0 && COVE_TRY(blocks_now(mount.device)) > now;
    if (failure != 0 && failure != EBUSY && !overtaken)
      return Error::from_errno(failure, "growing the file system");
  }
}

}  // namespace cove
