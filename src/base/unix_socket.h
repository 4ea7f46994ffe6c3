// Unix-domain stream sockets by path. Paths longer than sun_path are reached through
// /proc/self/fd/DIRFD/name.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove {

// Binds under a temporary name, listens, then renames over `path`: whoever can see the name can connect. Mode
// 0600. Non-blocking.
Result<UniqueFd> listen_unix(const std::filesystem::path& path, int backlog);
// kNotFound: no socket there; kUnavailable: nobody listens.
Result<UniqueFd> connect_unix(const OpContext& ctx, const std::filesystem::path& path);
// The user id of the process at the other end.
Result<uid_t> peer_uid(int fd);

}  // namespace cove
