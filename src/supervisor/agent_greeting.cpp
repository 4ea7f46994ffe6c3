#include "supervisor/agent_greeting.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr auto kCallLimit = std::chrono::seconds(30);
constexpr auto kGrowLimit = std::chrono::minutes(30);
constexpr auto kNetworkLimit = std::chrono::minutes(3);
// In the guest, so that it travels with the disk: which user configuration was applied to it. A password that
// was changed inside the guest is not set back at the next boot.
constexpr std::string_view kAppliedUserFile = "/var/lib/cove/user";

std::string fingerprint(const UserConfig& user) {
  std::string text = user.name + '\n' + user.password_hash + '\n' + (user.admin ? "admin" : "") + '\n' +
                     join(user.ssh_keys, "\n");
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  return user.name + " " + std::to_string(hash) + "\n";
}

Result<void> ensure_user(const OpContext& ctx, GuestAgentClient& agent, const UserConfig& user) {
  const std::string wanted = fingerprint(user);
  const auto applied = agent.read_file(ctx, kAppliedUserFile, 4096);
  const bool known = applied.ok() && applied.value() == wanted;
  GuestUser request;
  request.name = user.name;
  request.sudo = user.admin ? GuestUser::Sudo::kWithoutPassword : GuestUser::Sudo::kNo;
  request.ssh_keys = user.ssh_keys;
  request.realm = GuestUser::Realm::kBecome;
  if (!known && !user.password_hash.empty()) {
    request.password = GuestUser::Password::kHash;
    request.password_hash = user.password_hash;
  }
  COVE_TRY(agent.ensure_user(ctx, request));
  if (known) return {};
  return agent.write_file(ctx, kAppliedUserFile, wanted, 0600);
}

// "10.0.2.15" among the guest's local addresses, as its kernel lists them.
bool has_address(const std::string& routes, const std::string& address) {
  const std::size_t at = routes.find("|-- " + address + "\n");
  return at != std::string::npos;
}

Result<void> wait_for_address(const OpContext& ctx, GuestAgentClient& agent, const std::string& address,
                              Clock& clock) {
  auto pause = std::chrono::milliseconds(50);
  for (;;) {
    const auto routes = COVE_TRY(agent.read_file(ctx, "/proc/net/fib_trie", std::uint64_t{1} << 20U));
    if (has_address(routes, address)) return {};
    COVE_TRY(clock.sleep(ctx, pause));
    pause = std::min(pause * 3 / 2, std::chrono::milliseconds(1000));
  }
}

constexpr std::string_view kResolver = "/etc/resolv.conf";
constexpr std::string_view kImageResolver = "nameserver 10.0.2.3\n";  // as every image has it
constexpr std::string_view kNoResolver = "# no name server: this machine was made without a network\n";

// A guest without a network asks nobody for names. What somebody wrote there is left alone.
Result<void> settle_resolver(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options) {
  const bool none = options.guest_address.empty();
  const auto now = COVE_TRY(agent.read_file(ctx, kResolver, 4096));
  if (now != (none ? kImageResolver : kNoResolver)) return {};
  return agent.write_file(ctx, kResolver, none ? kNoResolver : kImageResolver, 0644);
}

struct Greeting {
  const OpContext& ctx;
  FactBoard& facts;

  void settle(std::string_view name, const Result<void>& outcome, std::string evidence) {
    if (outcome.ok()) return facts.meet(name, std::move(evidence));
    log_warn("readiness step failed", {{"fact", std::string(name)}, {"reason", outcome.error().message()}});
    facts.miss(name, "failed: " + outcome.error().message());
  }
};

Result<void> grow(const OpContext& ctx, GuestAgentClient& agent, std::uint64_t& bytes) {
  bytes = COVE_TRY(agent.grow_root(ctx));
  return {};
}

void meet_all_as_fake(FactBoard& facts) {
  for (const auto name : {fact::kClock, fact::kDisk, fact::kUser, fact::kNetwork}) {
    if (facts.knows(name)) facts.meet(name, "fake backend: nothing to do");
  }
}

void provision(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options,
               FactBoard& facts, Clock& clock) {
  Greeting greeting{ctx, facts};
  facts.miss(fact::kClock, "being set");
  if (facts.knows(fact::kUser)) facts.miss(fact::kUser, "user " + options.user.name + " is being made");
  facts.miss(fact::kDisk, "not known yet: its file system is being grown to the disk");
  if (facts.knows(fact::kNetwork)) facts.miss(fact::kNetwork, "not known yet: looked at after the disk");
  greeting.settle(fact::kClock, agent.set_clock(ctx.with_timeout(kCallLimit)), "set to the host's");
  if (auto named = agent.set_hostname(ctx.with_timeout(kCallLimit), options.hostname); !named.ok()) {
    log_warn("setting the host name failed", {{"reason", named.error().message()}});
  }
  if (auto settled = settle_resolver(ctx.with_timeout(kCallLimit), agent, options); !settled.ok()) {
    log_warn("settling resolv.conf failed", {{"reason", settled.error().message()}});
  }
  if (facts.knows(fact::kUser)) {
    greeting.settle(fact::kUser, ensure_user(ctx.with_timeout(kCallLimit), agent, options.user),
                    "user " + options.user.name + " is there");
  }
  std::uint64_t bytes = 0;
  const auto grown = grow(ctx.with_timeout(kGrowLimit), agent, bytes);
  greeting.settle(fact::kDisk, grown, "/ has " + format_bytes(bytes));
  if (facts.knows(fact::kNetwork)) {
    facts.miss(fact::kNetwork, "waiting for address " + options.guest_address);
    greeting.settle(fact::kNetwork,
                    wait_for_address(ctx.with_timeout(kNetworkLimit), agent, options.guest_address, clock),
                    "address " + options.guest_address);
  }
}

}  // namespace

std::vector<std::string_view> fact_names_for(const GreetingOptions& options) {
  std::vector<std::string_view> names{fact::kProcess, fact::kKernel, fact::kAgent, fact::kClock, fact::kDisk};
  if (!options.user.name.empty()) names.push_back(fact::kUser);
  if (!options.guest_address.empty()) names.push_back(fact::kNetwork);
  return names;
}

bool meet_as_saved(const GreetingOptions& options, FactBoard& facts) {
  constexpr std::string_view kOurs[] = {fact::kClock, fact::kDisk, fact::kUser, fact::kNetwork};
  const auto& saved = options.facts_at_save;
  for (const auto name : kOurs) {
    if (facts.knows(name) && std::find(saved.begin(), saved.end(), name) == saved.end()) return false;
  }
  const bool full = options.depth == GreetingOptions::Depth::kFull;
  for (const auto name : kOurs) {
    const bool told = name == fact::kClock && full;  // by what was said after the return
    if (facts.knows(name) && !told) facts.meet(name, "as it was when it was saved");
  }
  return true;
}

Result<void> greet_agent(const OpContext& ctx, GuestAgentClient& agent, const GreetingOptions& options,
                         FactBoard& facts, Clock& clock) {
  if (options.depth == GreetingOptions::Depth::kHelloOnly) {
    meet_all_as_fake(facts);
  } else {
    provision(ctx, agent, options, facts, clock);
  }
  return ctx.check();
}

}  // namespace cove
