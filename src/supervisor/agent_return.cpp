#include "supervisor/agent_return.h"

#include "base/log.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr auto kStepLimit = std::chrono::seconds(2);

// What was done and what was not, for the fact's evidence.
class Account {
 public:
  void add(const std::string& item, const Result<void>& outcome) {
    if (outcome.ok()) return done_.push_back(item);
    fail(item, outcome.error().message());
  }
  void add(const std::vector<ItemOutcome>& items) {
    for (const auto& item : items) {
      if (item.end == ItemOutcome::End::kDone) done_.push_back(item.item);
      if (item.end == ItemOutcome::End::kFailed) fail(item.item, item.detail);
    }
  }
  void fail(const std::string& item, const std::string& reason) {
    log_warn("a guest from a saved state was not told all", {{"item", item}, {"reason", reason}});
    failed_.push_back(item + " (" + reason + ")");
  }
  std::string text() const {
    std::string text = done_.empty() ? "nothing set" : "set: " + join(done_, ", ");
    if (!failed_.empty()) text += "; failed: " + join(failed_, ", ");
    return text;
  }

 private:
  std::vector<std::string> done_;
  std::vector<std::string> failed_;
};

// A state that was saved while its file systems were frozen comes back with them frozen.
void thaw(const OpContext& ctx, GuestAgentClient& agent, Account& account) {
  const auto thawed = agent.thaw_filesystems(ctx);
  if (!thawed.ok()) return account.fail("file systems", thawed.error().message());
  account.add(thawed->filesystems);
}

void set_identity(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options,
                  PreparedKeys* keys, Account& account) {
  NewIdentity identity;
  identity.machine_id = options.machine_id;
  if (!options.machine_id.empty()) identity.hostname = options.hostname;
  identity.old_mac = options.old_mac;
  identity.mac = options.mac;
  if (keys != nullptr) {
    auto made = keys->take(ctx.with_timeout(kStepLimit));
    if (made.ok()) {
      identity.host_keys = std::move(*made);
      identity.other_host_keys = NewIdentity::OtherHostKeys::kReplace;
    } else {
      account.fail("host keys", made.error().message());
    }
  }
  const auto items = agent.set_identity(ctx.with_timeout(kStepLimit), identity);
  if (!items.ok()) return account.fail("identity", items.error().message());
  account.add(*items);
}

}  // namespace

PreparedKeys::PreparedKeys(const GreetingOptions& options) {
  thread_ = Thread("host-keys", [this, make = options.make_host_keys, hostname = options.hostname] {
    auto made = make({over_.token(), {}}, hostname);
    made_.with([&](Made& place) { place = std::move(made); });
  });
}

PreparedKeys::~PreparedKeys() { over_.cancel(); }

Result<std::vector<SshHostKey>> PreparedKeys::take(const OpContext& ctx) {
  Made made;
  COVE_TRY(made_.wait(
      ctx, [](const Made& place) { return place.has_value(); }, [&](Made& place) { made = place; }));
  return std::move(*made);
}

Result<std::string> tell_after_return(const OpContext& ctx, GuestAgentClient& agent,
                                      const ReturnOptions& options, FactBoard& facts) {
  const bool forked = options.arrival == Arrival::kForked;
  const std::string how = forked ? "forked" : "returned from a saved state";
  // The agent runs on this very host then.
  if (options.greeting.depth == GreetingOptions::Depth::kHelloOnly)
    return how + " (fake backend: nothing to tell)";
  Account account;
  thaw(ctx.with_timeout(kStepLimit), agent, account);
  const auto clock = agent.set_clock(ctx.with_timeout(kStepLimit));
  account.add("clock and randomness", clock);
  if (clock.ok()) {
    facts.meet(fact::kClock, "set to the host's, " + how);
  } else {
    facts.miss(fact::kClock, "failed: " + clock.error().message());
  }
  if (forked) set_identity(ctx, agent, options.greeting, options.keys, account);
  COVE_TRY(ctx.check());
  return how + ", " + account.text();
}

}  // namespace cove
