// hole_filter: keeps a process from punching small holes into files, for good and for its children (seccomp).
// An engine over a memory that others map must not: QEMU answers a guest's balloon by taking pages out of the
// memory's file, also when it is mapped privately. What disks give back is never less than a cluster.
#pragma once

#include <cstdint>

namespace cove {

inline constexpr std::uint64_t kSmallestHole = 65536;

// For the calling thread. Async-signal-safe, so it may be called between fork and exec. False, with errno, if
// the kernel has no seccomp. Sets no_new_privs. fallocate() of a smaller hole then fails with EOPNOTSUPP.
bool refuse_small_holes();

}  // namespace cove
