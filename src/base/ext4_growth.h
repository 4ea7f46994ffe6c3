// grow_ext4(): makes a mounted ext4 file system as large as its device, by the kernel's own call: no tool is
// needed, and readers and writers go on. Needs root. Blocking, any thread.
#pragma once

#include <cstdint>

#include "base/cancel.h"
#include "base/result.h"

namespace cove {

struct Ext4Mount {
  int folder = -1;                 // open on the file system's root; borrowed
  int device = -1;                 // open for reading on what it lies on; borrowed
  std::uint64_t device_bytes = 0;  // what it shall fill
};

// In steps of 32 GiB, since the kernel does not let itself be interrupted within one: a guest that shuts down
// meanwhile waits for one step only. Somebody else who grows it at the same time is waited for. Nothing to do
// is fine; ends early as ctx says.
Result<void> grow_ext4(const OpContext& ctx, const Ext4Mount& mount);

}  // namespace cove
