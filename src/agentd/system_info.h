// What the guest says about itself, from /proc, /etc/os-release and system calls. No state; any thread.
#pragma once

#include "agentd/realm.h"
#include "proto/agent.pb.h"

namespace cove::agentd {

// What cannot be found out stays empty; of the agent itself it is "unknown".
void fill_info(const Realm& realm, vz::agent::v1::InfoResponse& info);

}  // namespace cove::agentd
