// file_swap: one small file of the guest, replaced as one step (temporary name, rename). Whoever reads it
// finds the old or the new one; it is not forced to disk. Any thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace cove::agentd {

enum class Change : unsigned char { kDone, kNone };

// kNone: it was so already, and is left alone. A new file is owned by who calls.
Result<Change> swap_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

}  // namespace cove::agentd
