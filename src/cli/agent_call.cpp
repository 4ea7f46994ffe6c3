#include "cli/agent_call.h"

#include "agent/rpc_agent_client.h"
#include "cli/supervisor_calls.h"
#include "cli/version.h"
#include "cli/wait_report.h"
#include "control/supervisor_dial.h"
#include "rpc/channel.h"

namespace cove {
namespace {

Result<std::shared_ptr<rpc::Channel>> open_channel(const OpContext& ctx, const VmDirectory& vm) {
  const auto token = COVE_TRY(vm.load_token());
  auto socket = COVE_TRY(dial_supervisor(ctx, vm, vm.agent_socket()));
  rpc::ChannelOptions options;
  options.metadata = {{"authorization", "Bearer " + token}};
  return COVE_TRY(rpc::Channel::create(std::move(socket), std::move(options)));
}

// One connection for both realms: the supervisor's relay tells them apart by the path of the call.
AgentConnector connector_to(const VmDirectory& vm) {
  return [vm, shared = std::shared_ptr<rpc::Channel>()](
             const OpContext& ctx, GuestAgentClient::Realm) mutable -> Result<std::shared_ptr<rpc::Channel>> {
    if (!shared || !shared->usable()) shared = COVE_TRY(open_channel(ctx, vm));
    return shared;
  };
}

// The supervisor knows: asking it stays on this host, and a command is never sent twice.
Result<void> await_user(const OpContext& ctx, const VmDirectory& vm, std::chrono::nanoseconds patience) {
  const auto outcome = COVE_TRY(ask_wait(ctx, vm, "user", patience));
  if (!outcome.met) return unmet_error(vm.name().str(), "user", patience, outcome);
  return {};
}

}  // namespace

Result<std::unique_ptr<GuestAgentClient>> connect_agent(const OpContext& ctx, const VmDirectory& vm,
                                                        std::chrono::nanoseconds patience) {
  COVE_TRY(await_user(ctx, vm, patience));
  return make_rpc_agent_client(connector_to(vm), std::string(version_number()), AgentHandshake::kDoneByRelay);
}

Result<std::shared_ptr<rpc::Channel>> connect_agent_channel(const OpContext& ctx, const VmDirectory& vm,
                                                            std::chrono::nanoseconds patience) {
  COVE_TRY(await_user(ctx, vm, patience));
  return open_channel(ctx, vm);
}

GuestIdentity identity_for(std::string_view user, const VmConfig& config) {
  if (user.empty()) {
    return config.user.name.empty() ? GuestIdentity{GuestAgentClient::Realm::kSystem, ""} : GuestIdentity{};
  }
  if (user == config.user.name) return {};
  if (user == "root") return {GuestAgentClient::Realm::kSystem, ""};
  return {GuestAgentClient::Realm::kSystem, std::string(user)};
}

}  // namespace cove
