// Passwords become crypt(3) hashes (SHA-512, "$6$") before anything stores or sends them. Pure but for the
// kernel's random salt; any thread.
#pragma once

#include <string>

#include "base/result.h"

namespace cove {

// kInvalidArgument: empty, longer than 512 bytes, or with a line feed, CR or NUL inside.
Result<std::string> hash_password(const std::string& clear);
// Whether this hash was made of it.
bool password_matches(const std::string& clear, const std::string& hash);
// Whether `text` has the form of a hash that Linux guests understand, so that it may be stored as one.
bool is_password_hash(std::string_view text);

}  // namespace cove
