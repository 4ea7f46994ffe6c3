// What saved states and VMs take on disk: each object of the store belongs to those who reach it. Any thread;
// nothing is locked, so the answer is as of a moment ago.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "store/home.h"

namespace cove {

// Bytes of the file system (blocks, not lengths).
struct StateSizes {
  std::uint64_t own = 0;     // nobody else reaches it: what a deletion frees
  std::uint64_t shared = 0;  // others reach it, too
  friend bool operator==(const StateSizes&, const StateSizes&) = default;
};

struct StoreSizes {
  // By id, of every state that a VM names. "Others" are other states, all VMs' present disks, and what is
  // spoken for; a state that two files name owns nothing.
  std::map<std::string, StateSizes> states{};
  // By name. "Others" are other VMs.
  std::map<std::string, StateSizes> vms{};
};

// An error names the VM, state or disk that cannot be read.
Result<StoreSizes> measure_store(const Home& home);

// Of a file, or a folder of files; 0 if it is not there.
std::uint64_t object_bytes(const std::filesystem::path& path);

}  // namespace cove
