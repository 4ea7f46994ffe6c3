// Copies between regular files, by the kernel and with shared blocks where it can. Any thread.
#pragma once

#include <functional>

#include "base/cancel.h"
#include "base/progress.h"

namespace cove {

// The bytes as they are, also holes; shared where the file system can. `from` has to have them all.
Result<void> copy_range(int from, std::uint64_t from_offset, int to, std::uint64_t to_offset,
                        std::uint64_t length);

// What is not a hole, into an empty file; holes stay holes. Gives up between pieces of 8 MiB when ctx says
// so.
Result<void> copy_sparse(const OpContext& ctx, int from, int to, Progress& progress);

// Calls visit(offset, length) for each piece of the file that holds data, in order.
Result<void> for_each_extent(int fd, const std::function<Result<void>(std::uint64_t, std::uint64_t)>& visit);

}  // namespace cove
