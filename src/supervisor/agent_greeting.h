// agent_greeting: what the host tells a guest's agent each time it appears: who it is, what time it is, how
// large its disk is, who its user shall be; and how it learns that the guest's network is up. Idempotent.
// Blocking; the keeper's thread.
#pragma once

#include <functional>
#include <string>

#include "agent/guest_agent_client.h"
#include "base/clock.h"
#include "model/vm_config.h"
#include "supervisor/fact_board.h"

namespace cove {

struct GreetingOptions {
  std::string hostname;
  UserConfig user;
  std::string guest_address;  // empty: no network
  // kHelloOnly: the agent runs on this host (fake backend) and must change nothing.
  enum class Depth : std::uint8_t { kFull, kHelloOnly };
  Depth depth = Depth::kFull;
};

// After the hello. Tells `facts` what came of each step; a step that fails leaves its fact open with the
// reason and does not keep the others from being tried. The error is that of ctx.
Result<void> greet_agent(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options,
                         FactBoard& facts, Clock& clock);

// The facts that a VM with these options will have.
std::vector<std::string_view> fact_names_for(const GreetingOptions& options);

}  // namespace cove
