// RpcExecSession: one Attach call. Private to the library.
#pragma once

#include <memory>

#include "agent/guest_agent_client.h"
#include "rpc/channel.h"

namespace cove::internal {

// Starts the call; a command that cannot start shows in wait().
Result<std::unique_ptr<ExecSession>> start_session(const OpContext& ctx,
                                                   std::shared_ptr<rpc::Channel> channel,
                                                   GuestAgentClient::Realm realm, const ExecRequest& request);

}  // namespace cove::internal
