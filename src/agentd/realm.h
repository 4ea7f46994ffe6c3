// Realm: on whose behalf one port of the agent acts: root (1024) or the provisioned user (1025). A value that
// reads the guest's files when asked, so that an account made a moment ago is found. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "agentd/accounts.h"
#include "base/result.h"

namespace cove::agentd {

constexpr std::string_view kAgentConfigPath = "etc/cove/agent.conf";

struct Realm {
  enum class Kind : std::uint8_t { kSystem, kUser };
  Kind kind = Kind::kSystem;
  std::filesystem::path root =
      "/";              // of the guest's files; another one where the guest is no machine of its own
  std::string version;  // of the agent

  // Empty: the realm's own user: who the agent runs as, or agent.conf's `user=`, else the first person in
  // passwd. kPermissionDenied: another user asked for in the user realm. kFailedPrecondition: nobody there.
  Result<Identity> identity(std::string_view user) const;
};

}  // namespace cove::agentd
