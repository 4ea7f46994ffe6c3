// grow_root(): after the disk has grown, makes the partition and the ext4 file system of / as large, while
// mounted, by the kernel's own calls: no tool of the guest is needed. Needs root. Blocking.
#pragma once

#include <cstdint>

#include "base/cancel.h"
#include "base/result.h"

namespace cove::agentd {

struct GrowOutcome {
  std::uint64_t bytes = 0;  // of the file system's device
  enum class Change : std::uint8_t { kNone, kGrown };
  Change change = Change::kNone;
};

// kUnimplemented: / is not ext4 on a disk or a partition of one.
Result<GrowOutcome> grow_root(const OpContext& ctx);

}  // namespace cove::agentd
