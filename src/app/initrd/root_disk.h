// The root disk as the initial RAM disk sees it: found by its partition's GUID, stretched to the disk's size.
// Called by /init only, before anything else runs.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/gpt.h"

namespace cove::initrd {

struct RootPartition {
  std::string disk;  // "/dev/vda"
  std::string node;  // "/dev/vda2"
};

// `root` is the value of root= on the kernel's command line: PARTUUID=... or a device. Disks are looked at
// again for up to ten seconds, because drivers may still be finding them.
Result<RootPartition> find_root(const std::string& root);

// Writes the partition table anew if the disk is larger than it says and tells the kernel. Says whether.
enum class Stretched : std::uint8_t { kNo, kYes };
Result<Stretched> stretch_to_disk(const RootPartition& root);

// Lets the mounted file system fill its partition; it is in use meanwhile.
Result<void> grow_file_system(const std::string& mount_point, const std::string& node);

}  // namespace cove::initrd
