// What a user account of a guest may be called. Pure.
#pragma once

#include <string_view>

#include "base/result.h"

namespace cove {

// Debian's rule: [a-z_][a-z0-9_-]{0,31}; and no account that a system needs for itself (root, daemon, ...).
Result<void> check_user_name(std::string_view name);
// An OpenSSH public key on one line: "ssh-ed25519 AAAA... comment". kInvalidArgument says what is wrong, and
// says it loudly for a private key.
Result<std::string> check_ssh_key(std::string_view text);

}  // namespace cove
