// mount_table: /proc/self/mountinfo, and which of its file systems can be frozen. Values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove::agentd {

struct Mount {
  std::string device;  // "254:1"
  std::string point;   // where it is, as the kernel's escapes decoded
  std::string type;    // "ext4"
  std::string source;  // "/dev/vda1"
  enum class Access : unsigned char { kWrite, kReadOnly };
  Access access = Access::kWrite;  // of the file system, not of this mount of it
};

// In the kernel's order: what was mounted first comes first. Lines that make no sense are left out.
std::vector<Mount> parse_mounts(std::string_view text);

struct Filesystem {
  std::vector<Mount> mounts;  // all of the same; never empty
};

// Each file system on a disk of this machine once, in the order in which they can be frozen: the last mounted
// first, for it may lie in a file of an earlier one; / at the end.
std::vector<Filesystem> disk_filesystems(const std::vector<Mount>& mounts);

}  // namespace cove::agentd
