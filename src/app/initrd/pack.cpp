#include "app/initrd/pack.h"

#include <vector>

#include "app/initrd/module_list.h"
#include "base/files.h"
#include "format/cpio.h"

namespace cove::initrd {
namespace {

// In the order of need: the disk, the checksums its file system asks the crypto layer for (no dependency that
// depmod sees; a module of its own in the full kernel), the agent's port, the network, entropy; then what
// udev would look for, and the device that tells the host of a panic.
const std::vector<std::string_view>& wanted_modules() {
  static const std::vector<std::string_view> kWanted = {"virtio_pci", "virtio_blk",     "crc32c_generic",
                                                        "ext4",       "virtio_console", "virtio_net",
                                                        "virtio_rng", "virtio_balloon", "pvpanic_pci"};
  return kWanted;
}

}  // namespace

Result<void> pack(const std::filesystem::path& modules, const std::filesystem::path& output) {
  const std::string dependencies = COVE_TRY(read_file(modules / "modules.dep"));
  CpioWriter archive;
  for (const std::string_view folder : {"dev", "proc", "sys", "root", "modules"})
    archive.add_directory(folder);
  // For what the kernel itself prints before devtmpfs is mounted.
  archive.add_device("dev/console", 0600, 5, 1);
  archive.add_file("init", 0755, COVE_TRY(read_file("/proc/self/exe", std::size_t{64} << 20U)));
  unsigned number = 100;
  for (const std::string& path : modules_in_order(dependencies, wanted_modules())) {
    const std::string content = COVE_TRY(read_file(modules / path, std::size_t{64} << 20U));
    const std::string name = std::filesystem::path(path).filename().string();
    archive.add_file("modules/" + std::to_string(number++) + "-" + name, 0644, content);
  }
  return write_file_atomic(output, archive.finish(), 0644);
}

}  // namespace cove::initrd
