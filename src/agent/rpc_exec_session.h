// RpcExecSession: one Attach call. Private to the library.
#pragma once

#include <memory>

#include "agent/guest_agent_client.h"
#include "rpc/channel.h"

namespace cove::internal {

// kNothing: the client says at once that it sends no more, and the agent needs no thread to listen.
enum class Follow : unsigned char { kInput, kNothing };

// Starts the call; a command that cannot start shows in wait().
Result<std::unique_ptr<ExecSession>> start_session(const OpContext& ctx,
                                                   std::shared_ptr<rpc::Channel> channel,
                                                   GuestAgentClient::Realm realm, const ExecRequest& request,
                                                   Follow follow);

}  // namespace cove::internal
