// agent_greeting: what the host tells a guest's agent each time it appears: who it is, what time it is, how
// large its disk is, who its user shall be; and how it learns that the guest's network is up. Idempotent.
// Blocking; the keeper's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/guest_agent_client.h"
#include "base/clock.h"
#include "model/vm_config.h"
#include "supervisor/arrival.h"
#include "supervisor/fact_board.h"

namespace cove {

struct GreetingOptions {
  std::string hostname;
  UserConfig user;
  std::string guest_address;  // empty: no network
  // kHelloOnly: the agent runs on this host (fake backend) and must change nothing.
  enum class Depth : std::uint8_t { kFull, kHelloOnly };
  Depth depth = Depth::kFull;
  // Of a fork, who it is from now on; what is empty stays as it was in the saved state, the host name too
  // when machine_id is (an identity that is kept is kept whole).
  std::string machine_id{};
  std::string old_mac{};  // the interface's in the saved state
  std::string mac{};
  // Called on a thread of its own, with the host name. Empty: the guest keeps its keys.
  std::function<Result<std::vector<SshHostKey>>(const OpContext&, const std::string&)> make_host_keys{};
  // The facts that were met when the state was saved. If they are all that this machine has, a guest that
  // returns or is forked is not provisioned again.
  std::vector<std::string> facts_at_save{};
};

// After the hello. Tells `facts` what came of each step; a step that fails leaves its fact open with the
// reason and does not keep the others from being tried. The error is that of ctx.
Result<void> greet_agent(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options,
                         FactBoard& facts, Clock& clock);

// Instead, for a guest from a saved state in which all of it was done: each of its facts is met, but for the
// clock, which agent_return settles. False, and nothing was done: some were open.
bool meet_as_saved(const GreetingOptions& options, FactBoard& facts);

// The facts that a VM with these options will have.
std::vector<std::string_view> fact_names_for(const GreetingOptions& options);

}  // namespace cove
