// How exec, shell and up reach the agent of a VM: straight through agent.sock, waiting for a guest that still
// boots.
#pragma once

#include <memory>

#include "agent/guest_agent_client.h"
#include "store/vm_directory.h"

namespace cove {

namespace rpc {
class Channel;
}

// Connects; nothing is sent yet. kFailedPrecondition: the VM does not run. While it boots, waits as long as
// `patience` for the agent and its user; then the error names the missing fact.
Result<std::unique_ptr<GuestAgentClient>> connect_agent(const OpContext& ctx, const VmDirectory& vm,
                                                        std::chrono::nanoseconds patience);

// The same, as the bare connection that copies use; it serves both realms.
Result<std::shared_ptr<rpc::Channel>> connect_agent_channel(const OpContext& ctx, const VmDirectory& vm,
                                                            std::chrono::nanoseconds patience);

struct GuestIdentity {
  GuestAgentClient::Realm realm = GuestAgentClient::Realm::kUser;
  std::string user;  // for ExecRequest
};
// "" = the provisioned user (root if the VM has none), "root", or any other account.
GuestIdentity identity_for(std::string_view user, const VmConfig& config);

}  // namespace cove
