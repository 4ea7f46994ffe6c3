// `up -setup-script`: each line of a file as one command in the guest, in order, until one fails.
#pragma once

#include <string>
#include <vector>

#include "agent/guest_agent_client.h"
#include "cli/environment.h"

namespace cove {

struct SetupLine {
  std::size_t number = 0;  // in the file, from 1
  std::string text;
};

// Without blank lines and comments; CR at the ends is dropped. kInvalidArgument: a line beyond 1 MiB or with
// a NUL.
Result<std::vector<SetupLine>> parse_setup_script(std::string_view text);

// Runs them as the provisioned user with /bin/bash -c, output to ours. kAborted names the line that failed
// and its status.
Result<void> run_setup_script(const OpContext& ctx, const Environment& env, GuestAgentClient& agent,
                              GuestAgentClient::Realm realm, const std::vector<SetupLine>& lines);

}  // namespace cove
