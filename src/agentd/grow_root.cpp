#include "agentd/grow_root.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "agentd/gpt.h"
#include "base/ext4_growth.h"
#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

// Every file of sysfs claims to be a page long.
constexpr std::size_t kMaxAttributeBytes = std::size_t{64} << 10U;
constexpr long kExt4Magic = 0xef53;

Result<std::uint64_t> sysfs_number(const std::filesystem::path& path) {
  const auto value = parse_u64(trim(COVE_TRY(read_file(path, kMaxAttributeBytes))));
  if (!value) return Error(Code::kInternal, path.string() + " is no number");
  return *value;
}

Result<std::uint64_t> device_bytes(int fd) {
  std::uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) < 0) return Error::from_errno(errno, "asking for the disk's size");
  return bytes;
}

// The kernel keeps the old length of a mounted partition until it is told.
Result<void> tell_kernel(int disk, std::uint32_t number, const PartitionExtent& extent) {
  blkpg_partition partition{};
  partition.start = static_cast<long long>(extent.start_bytes);
  partition.length = static_cast<long long>(extent.length_bytes);
  partition.pno = static_cast<int>(number);
  blkpg_ioctl_arg argument{};
  argument.op = BLKPG_RESIZE_PARTITION;
  argument.datalen = sizeof partition;
  argument.data = &partition;
  if (::ioctl(disk, BLKPG, &argument) < 0)
    return Error::from_errno(errno, "telling the kernel of the partition");
  return {};
}

// The device's size after its partition, if it is one, reaches to the end of the disk.
Result<std::uint64_t> grow_device(const OpContext& ctx, const std::filesystem::path& sysfs) {
  const std::string name = sysfs.filename().string();
  if (!path_exists(sysfs / "partition"))
    return device_bytes(COVE_TRY(open_file("/dev/" + name, O_RDONLY)).get());
  const auto number = static_cast<std::uint32_t>(COVE_TRY(sysfs_number(sysfs / "partition")));
  const UniqueFd disk = COVE_TRY(open_file("/dev/" + sysfs.parent_path().filename().string(), O_RDWR));
  int sector = 0;
  if (::ioctl(disk.get(), BLKSSZGET, &sector) < 0 || sector < 512)
    return Error::from_errno(errno, "asking for the disk's sector size");
  const auto extent = COVE_TRY(grow_gpt_partition(
      ctx, {disk.get(), COVE_TRY(device_bytes(disk.get())), static_cast<std::uint32_t>(sector)}, number));
  if (COVE_TRY(sysfs_number(sysfs / "size")) * 512 < extent.length_bytes)
    COVE_TRY(tell_kernel(disk.get(), number, extent));
  return extent.length_bytes;
}

}  // namespace

Result<GrowOutcome> grow_root(const OpContext& ctx) {
  struct stat root {};
  struct statfs before {};
  if (::stat("/", &root) < 0 || ::statfs("/", &before) < 0) return Error::from_errno(errno, "/");
  const std::string number = std::to_string(major(root.st_dev)) + ":" + std::to_string(minor(root.st_dev));
  std::error_code error;
  const auto sysfs = std::filesystem::canonical("/sys/dev/block/" + number, error);
  if (error || before.f_type != kExt4Magic)
    return Error(Code::kUnimplemented, "/ is not an ext4 file system on a disk of its own");
  const std::uint64_t bytes = COVE_TRY(grow_device(ctx, sysfs));
  const UniqueFd mounted = COVE_TRY(open_file("/", O_RDONLY | O_DIRECTORY));
  const UniqueFd device = COVE_TRY(open_file("/dev/" + sysfs.filename().string(), O_RDONLY));
  COVE_TRY(grow_ext4(ctx, {mounted.get(), device.get(), bytes}).context("/"));
  struct statfs after {};
  if (::statfs("/", &after) < 0) return Error::from_errno(errno, "/");
  return GrowOutcome{
      bytes, after.f_blocks > before.f_blocks ? GrowOutcome::Change::kGrown : GrowOutcome::Change::kNone};
}

}  // namespace cove::agentd
