// What a command finds around it: the environment a login would give, and the places its name is looked up.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/accounts.h"
#include "base/result.h"

namespace cove::agentd {

using Environment = std::map<std::string, std::string>;

// HOME, USER, LOGNAME, SHELL, PATH; what root/etc/environment and root/etc/default/locale set; then `extra`.
// kInvalidArgument: a name in `extra` is empty or has '=' in it, or NUL bytes.
Result<Environment> login_environment(const Account& account, const std::filesystem::path& root,
                                      const Environment& extra);

// K=V lines as pam_env reads them: comments, "export ", one pair of quotes.
Environment parse_environment_file(std::string_view text);

// The files to try in turn for a command: itself if it has a slash, else one for each folder of PATH.
std::vector<std::string> command_candidates(std::string_view command, std::string_view path);

}  // namespace cove::agentd
