// agent_commands: the agent-* verbs on a guest agent's client. Blocking; any thread.
#pragma once

#include "agent/guest_agent_client.h"
#include "control/control_handler.h"

namespace cove {

// A verb whose name begins with "agent-", except agent-connect and agent-status.
Result<ControlResponse> serve_agent_verb(const OpContext& ctx, GuestAgentClient& agent, const Verb& verb,
                                         const ControlRequest& request, ControlReply& reply);

}  // namespace cove
