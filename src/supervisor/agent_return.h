// agent_return: what a guest from a saved state is told before anything runs in it: the time, randomness of
// its own and, if it was forked, who it is. Blocking; the keeper's greeting thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/thread.h"
#include "supervisor/agent_greeting.h"

namespace cove {

// SSH host keys that are being made while the guest comes up. Any thread.
class PreparedKeys final {
 public:
  explicit PreparedKeys(const GreetingOptions& options);
  PreparedKeys(const PreparedKeys&) = delete;
  PreparedKeys& operator=(const PreparedKeys&) = delete;
  ~PreparedKeys();  // gives up

  Result<std::vector<SshHostKey>> take(const OpContext& ctx);

 private:
  using Made = std::optional<Result<std::vector<SshHostKey>>>;
  Guarded<Made> made_;
  CancelSource over_;
  Thread thread_;
};

// Tells the guest, each step for 2 s at most; a step that fails is logged and keeps no other from being
// tried. Settles the clock's fact. The value is what came of it, in words: "forked, set: clock and
// randomness, machine-id, hostname, mac; failed: ...". The error is that of ctx.
struct ReturnOptions {
  const GreetingOptions& greeting;
  Arrival arrival;
  PreparedKeys* keys;  // nullptr where none are made
};
Result<std::string> tell_after_return(const OpContext& ctx, GuestAgentClient& agent,
                                      const ReturnOptions& options, FactBoard& facts);

}  // namespace cove
