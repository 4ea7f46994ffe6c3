// ssh_host_keys: SSH host keys for a guest, made on the host, where it takes milliseconds. Blocking; any
// thread.
#pragma once

#include <string>
#include <vector>

#include "agent/guest_agent_client.h"
#include "base/cancel.h"
#include "base/result.h"

namespace cove {

// An ed25519 and an ECDSA key with the comment root@HOSTNAME. By ssh-keygen, in a folder of its own (0700)
// below /dev/shm or /tmp that is gone afterwards. kNotFound: there is no ssh-keygen here.
Result<std::vector<SshHostKey>> make_ssh_host_keys(const OpContext& ctx, const std::string& hostname);

}  // namespace cove
