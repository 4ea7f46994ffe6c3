// The guest's table of mounts, whose paths anybody may choose who may mount: each file system that would be
// frozen is there once, and the root comes last.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "agentd/mount_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cove::agentd;
  const auto mounts = parse_mounts({reinterpret_cast<const char*>(data), size});
  std::size_t taken = 0;
  std::set<std::string> devices;
  bool root = false;
  for (const auto& filesystem : disk_filesystems(mounts)) {
    if (filesystem.mounts.empty()) __builtin_trap();
    const Mount& first = filesystem.mounts.front();
    if (!first.device.starts_with("0:") && !devices.insert(first.device).second) __builtin_trap();
    bool here = false;
    for (const auto& mount : filesystem.mounts) {
      if (!mount.point.starts_with('/')) __builtin_trap();
      here = here || mount.point == "/";
    }
    if (root && !here) __builtin_trap();
    root = root || here;
    taken += filesystem.mounts.size();
  }
  if (taken > mounts.size()) __builtin_trap();
  return 0;
}
