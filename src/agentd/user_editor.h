// UserEditor: makes an account what it should be, by editing passwd, shadow, group and gshadow under the lock
// that the guest's own tools take, and preparing the home. Idempotent. Blocking; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"

namespace cove::agentd {

struct UserWish {
  std::string name;
  std::optional<std::uint32_t> uid;
  std::string full_name;
  std::string shell;
  std::string home;
  std::vector<std::string> groups;
  enum class Sudo : std::uint8_t { kNo, kWithoutPassword };
  Sudo sudo = Sudo::kNo;
  enum class Password : std::uint8_t { kKeep, kLock, kHash };
  Password password = Password::kKeep;
  std::string password_hash;
  std::vector<std::string> ssh_keys;
};

struct UserOutcome {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  enum class Kind : std::uint8_t { kFound, kCreated };
  Kind kind = Kind::kFound;
};

// kInvalidArgument: something that cannot stand in these files. kAlreadyExists: the uid is another's.
Result<void> check_wish(const UserWish& wish);
Result<UserOutcome> ensure_user(const OpContext& ctx, const std::filesystem::path& root,
                                const UserWish& wish);

}  // namespace cove::agentd
