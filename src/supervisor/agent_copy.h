// agent_copy: one file between the host and the guest, streamed through a command in the guest, so that its
// size does not matter. Either way the target appears whole or not at all. Blocking; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/guest_agent_client.h"

namespace cove {

// Returns the bytes copied. mode 0: the source's. Parents in the guest are made.
Result<std::uint64_t> copy_file_to_guest(const OpContext& ctx, GuestAgentClient& agent,
                                         const std::filesystem::path& host_path,
                                         const std::string& guest_path, std::uint32_t mode);
Result<std::uint64_t> copy_file_from_guest(const OpContext& ctx, GuestAgentClient& agent,
                                           const std::string& guest_path,
                                           const std::filesystem::path& host_path);

}  // namespace cove
