// make_spec(): from what a caller asks to what runs: the identity, the login-like environment, the folder.
#pragma once

#include <string>
#include <vector>

#include "agentd/command.h"
#include "agentd/realm.h"

namespace cove::agentd {

struct CommandRequest {
  std::vector<std::string> args;
  Environment environment;
  std::string user;               // empty: the realm's
  std::string working_directory;  // relative to `default_directory`, or absolute
  enum class DefaultDirectory : std::uint8_t { kRoot, kHome };
  DefaultDirectory default_directory = DefaultDirectory::kHome;  // kHome: / when the home is missing
};

Result<CommandSpec> make_spec(const Realm& realm, CommandRequest request);

}  // namespace cove::agentd
