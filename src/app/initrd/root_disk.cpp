#include "app/initrd/root_disk.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/clock.h"
#include "base/ext4_growth.h"
#include "base/files.h"
#include "base/strings.h"

namespace cove::initrd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kHeadBytes = kGptHeadSectors * kSectorBytes;

Result<std::string> read_head(int fd) {
  std::string head(kHeadBytes, '\0');
  if (::pread(fd, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) {
    return Error(Code::kDataLoss, "disk too small for a partition table");
  }
  return head;
}

Result<std::uint64_t> device_bytes(int fd) {
  std::uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return Error::from_errno(errno, "size of the device");
  return bytes;
}

std::string partition_node(const std::string& disk, unsigned index) {
  const bool digit = disk.back() >= '0' && disk.back() <= '9';
  return disk + (digit ? "p" : "") + std::to_string(index + 1);
}

Result<RootPartition> find_by_guid(const Guid& wanted) {
  for (const std::string& name : COVE_TRY(list_directory("/sys/block"))) {
    if (name.starts_with("loop") || name.starts_with("ram")) continue;
    const std::string disk = "/dev/" + name;
    const auto fd = open_file(disk, O_RDONLY);
    if (!fd.ok()) continue;
    const auto head = read_head(fd.value().get());
    if (!head.ok()) continue;
    const auto layout = parse_gpt(head.value());
    if (!layout.ok()) continue;
    for (const auto& [index, partition] : layout.value().partitions) {
      if (partition.id == wanted) return RootPartition{disk, partition_node(disk, index)};
    }
  }
  return Error(Code::kNotFound, "no disk has the root partition " + to_string(wanted));
}

Result<RootPartition> find_once(const std::string& root) {
  constexpr std::string_view kByGuid = "PARTUUID=";
  if (root.starts_with(kByGuid)) {
    return find_by_guid(COVE_TRY(parse_guid(std::string_view(root).substr(kByGuid.size()))));
  }
  if (!path_exists(root)) return Error(Code::kNotFound, "no device " + root);
  const std::size_t digits = root.find_last_not_of("0123456789") + 1;
  return RootPartition{root.substr(0, digits), root};
}

Result<void> write_table(int fd, const GptBytes& table, std::uint64_t sectors) {
  const auto tail_at = static_cast<off_t>((sectors - kGptTailSectors) * kSectorBytes);
  // The backup first: whatever happens, one of the two tables is whole.
  if (::pwrite(fd, table.tail.data(), table.tail.size(), tail_at) !=
          static_cast<ssize_t>(table.tail.size()) ||
      ::fdatasync(fd) != 0 ||
      ::pwrite(fd, table.head.data(), table.head.size(), 0) != static_cast<ssize_t>(table.head.size()) ||
      ::fdatasync(fd) != 0) {
    return Error::from_errno(errno, "writing the partition table");
  }
  return {};
}

Result<void> tell_kernel(int fd, unsigned index, const GptPartition& partition) {
  blkpg_partition change{};
  change.pno = static_cast<int>(index + 1);
  const auto bytes = [](std::uint64_t sectors) {
    return static_cast<long long>(sectors) * static_cast<long long>(kSectorBytes);
  };
  change.start = bytes(partition.first_sector);
  change.length = bytes(partition.last_sector - partition.first_sector + 1);
  blkpg_ioctl_arg request{};
  request.op = BLKPG_RESIZE_PARTITION;
  request.datalen = sizeof(change);
  request.data = &change;
  if (::ioctl(fd, BLKPG, &request) != 0) return Error::from_errno(errno, "resizing the partition");
  return {};
}

}  // namespace

Result<RootPartition> find_root(const std::string& root) {
  SystemClock clock;
  const OpContext ctx{{}, Deadline::after(seconds(10))};
  for (;;) {
    auto found = find_once(root);
    if (found.ok() || found.error().code() != Code::kNotFound) return found;
    if (!clock.sleep(ctx, milliseconds(10)).ok()) return found;
  }
}

Result<Stretched> stretch_to_disk(const RootPartition& root) {
  const UniqueFd fd = COVE_TRY(open_file(root.disk, O_RDWR));
  const std::uint64_t sectors = COVE_TRY(device_bytes(fd.get())) / kSectorBytes;
  GptLayout layout = COVE_TRY(parse_gpt(COVE_TRY(read_head(fd.get()))));
  if (layout.table_end + 1 >= sectors) return Stretched::kNo;
  const unsigned index = COVE_TRY(stretch_last_partition(layout, sectors));
  if (partition_node(root.disk, index) != root.node) return Stretched::kNo;
  COVE_TRY(write_table(fd.get(), COVE_TRY(encode_gpt(layout, sectors)), sectors));
  for (const auto& [number, partition] : layout.partitions) {
    if (number == index) COVE_TRY(tell_kernel(fd.get(), index, partition));
  }
  return Stretched::kYes;
}

Result<void> grow_file_system(const std::string& mount_point, const std::string& node) {
  const UniqueFd device = COVE_TRY(open_file(node, O_RDONLY));
  const UniqueFd root = COVE_TRY(open_file(mount_point, O_RDONLY | O_DIRECTORY));
  return grow_ext4({}, {root.get(), device.get(), COVE_TRY(device_bytes(device.get()))});
}

}  // namespace cove::initrd
