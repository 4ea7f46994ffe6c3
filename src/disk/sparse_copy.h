// Copies what is not a hole from one regular file to another, empty one; holes stay holes. Any thread; gives
// up between pieces of 8 MiB when ctx says so.
#pragma once

#include <functional>

#include "base/cancel.h"
#include "base/progress.h"

namespace cove {

Result<void> copy_sparse(const OpContext& ctx, int from, int to, Progress& progress);

// Calls visit(offset, length) for each piece of the file that holds data, in order.
Result<void> for_each_extent(int fd, const std::function<Result<void>(std::uint64_t, std::uint64_t)>& visit);

}  // namespace cove
