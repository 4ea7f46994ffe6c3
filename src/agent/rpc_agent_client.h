// RpcAgentClient: GuestAgentClient over gRPC. It connects when first asked and again after a connection
// ended, and shakes hands on each. Owned by the supervisor (over the guest's channel) or by the CLI (over the
// supervisor's relay).
#pragma once

#include <functional>
#include <memory>

#include "agent/guest_agent_client.h"
#include "base/unique_fd.h"
#include "channel/guest_channel.h"

namespace cove {

namespace rpc {
class Channel;
}

// Gives the gRPC channel to a realm's port; may be called again when the last one ended. Any thread.
using AgentConnector =
    std::function<Result<std::shared_ptr<rpc::Channel>>(const OpContext&, GuestAgentClient::Realm)>;

// Straight to the guest's ports. `channel` is borrowed and outlives what uses the connector.
AgentConnector connect_through(GuestChannel& channel);

// Who shakes hands with the agent. Over a relay whose owner has done so already, each further handshake would
// be a round trip into the guest for nothing.
enum class AgentHandshake : std::uint8_t { kEachConnection, kDoneByRelay };
// `version` is the host's, told to the agent.
std::unique_ptr<GuestAgentClient> make_rpc_agent_client(
    AgentConnector connector, std::string version,
    AgentHandshake handshake = AgentHandshake::kEachConnection);

// The realm that serves an rpc path ("/cove.agent.v1.UserGuest/Attach"): what a relay routes by.
GuestAgentClient::Realm realm_of_path(std::string_view path);

}  // namespace cove
