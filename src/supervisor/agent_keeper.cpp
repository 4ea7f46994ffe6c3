#include "supervisor/agent_keeper.h"

#include "base/log.h"
#include "base/loop_thread.h"

namespace cove {
namespace {

constexpr auto kHelloLimit = std::chrono::seconds(30);
constexpr auto kClockLimit = std::chrono::seconds(5);
constexpr auto kFirstPause = std::chrono::milliseconds(50);  // between one hello that failed and the next
constexpr auto kLongestPause = std::chrono::milliseconds(3200);

void work_through(Mailbox<std::function<void()>>& box) {
  for (;;) {
    auto job = box.take({});
    if (!job.ok() || !job->has_value()) return;
    (**job)();
  }
}

}  // namespace

std::string_view to_string(AgentStatus::State state) {
  switch (state) {
    case AgentStatus::State::kConnected:
      return "connected";
    case AgentStatus::State::kLost:
      return "lost";
    default:
      return "waiting";
  }
}

AgentKeeper::AgentKeeper(EventLoop& relay, const AgentClientFactory& make_client, GreetingOptions options,
                         FactBoard& facts, std::function<void()> appeared)
    : relay_(relay), facts_(facts), appeared_(std::move(appeared)), client_(make_client(slot_)) {
  set_options(std::move(options));
  greeter_ = Thread("agent-greeter", [this] { work_through(greetings_); });
  worker_ = Thread("agent-worker", [this] { work_through(jobs_); });
}

AgentKeeper::~AgentKeeper() {
  detach();
  ending_.cancel();
  greetings_.close();
  jobs_.close();
  greeter_.join();
  worker_.join();
  client_.reset();
  // The link's callbacks come from the relay loop: when this has run there, the last one has.
  do_on(relay_, [] {});
}

void AgentKeeper::set_options(GreetingOptions options) {
  auto shared = std::make_shared<const GreetingOptions>(std::move(options));
  known_.with([&](Known& known) { known.options = std::move(shared); });
}

void AgentKeeper::owe(Arrival arrival) {
  const auto options = known_.read([](const Known& known) { return known.options; });
  const bool full = options->depth == GreetingOptions::Depth::kFull;
  std::shared_ptr<PreparedKeys> keys;  // an earlier guest's go here, outside the lock
  if (arrival == Arrival::kForked && full && options->make_host_keys)
    keys = std::make_shared<PreparedKeys>(*options);
  known_.with([&](Known& known) {
    known.owed = arrival;
    known.as_saved = arrival != Arrival::kBooted;
    std::swap(known.keys, keys);
  });
}

void AgentKeeper::attach(UniqueFd socket, Arrival arrival) {
  owe(arrival);
  auto fd = std::make_shared<UniqueFd>(std::move(socket));
  relay_.post([this, fd] {
    auto channel = VirtioSerialChannel::create(relay_, std::move(*fd),
                                               [this](AgentLink::State state) { link_changed(state); });
    if (!channel.ok()) {
      log_error("agent link failed", {{"reason", channel.error().message()}});
      return;
    }
    // It lives on the relay loop, but its last user may be any thread.
    EventLoop* relay = &relay_;
    slot_.set(ChannelSlot::Shared(
        channel->release(), [relay](VirtioSerialChannel* last) { relay->post([last] { delete last; }); }));
  });
}

void AgentKeeper::forget() {
  known_.with([](Known& known) {
    known.greeting.cancel();
    known.status.state = AgentStatus::State::kWaiting;
  });
}

// The link would not notice by itself: its other end is not only the engine's.
void AgentKeeper::detach() {
  forget();
  owe(Arrival::kBooted);
  if (const auto channel = slot_.get(); channel != nullptr) relay_.post([channel] { channel->close(); });
  slot_.set(nullptr);
}

void AgentKeeper::on_link(const std::function<void(VirtioSerialChannel&)>& act) {
  do_on(relay_, [&] {
    if (const auto channel = slot_.get(); channel != nullptr) act(*channel);
  });
}

void AgentKeeper::hold() {
  on_link([](VirtioSerialChannel& channel) { channel.hold(); });
}

void AgentKeeper::move_to(UniqueFd fresh, std::string unread) {
  on_link([&](VirtioSerialChannel& channel) { channel.move_to(std::move(fresh), std::move(unread)); });
}

void AgentKeeper::go_on(std::string unread) {
  on_link([&](VirtioSerialChannel& channel) { channel.go_on(std::move(unread)); });
}

void AgentKeeper::guest_reset() {
  forget();
  known_.with([](Known& known) {
    known.as_saved = false;
    if (known.owed == Arrival::kReturned) known.owed = Arrival::kBooted;
  });
  if (const auto channel = slot_.get(); channel != nullptr) channel->raise_epoch();
}

AgentStatus AgentKeeper::status() const {
  return known_.read([](const Known& known) { return known.status; });
}

std::optional<AgentLink::Counters> AgentKeeper::link_counters() const {
  const auto channel = slot_.get();
  if (channel == nullptr) return std::nullopt;
  return channel->counters();
}

void AgentKeeper::set_lost(const char* how) {
  const bool was_there = known_.with([&](Known& known) {
    known.greeting.cancel();
    const bool there = known.status.state == AgentStatus::State::kConnected;
    if (there) {
      known.status.state = AgentStatus::State::kLost;
      known.status.last_error = how;
      known.status.last_seen = std::chrono::system_clock::now();
    }
    return there;
  });
  if (was_there) facts_.miss(fact::kAgent, how);
}

void AgentKeeper::link_changed(AgentLink::State state) {
  if (state != AgentLink::State::kUp) {
    return set_lost(state == AgentLink::State::kClosed ? "its link ended" : "it stopped answering");
  }
  // A quiet kernel says nothing on the console before its login prompt; the agent is proof enough.
  if (!facts_.met(fact::kKernel)) facts_.meet(fact::kKernel, "the guest's agent runs");
  const CancelToken cancel = known_.with([](Known& known) {
    known.greeting.cancel();  // an earlier appearance's greeting is of no use any more
    known.greeting = CancelSource();
    ++known.appearances;
    return known.greeting.token();
  });
  const OpContext no_wait{{}, Deadline::after(std::chrono::nanoseconds(0))};
  static_cast<void>(greetings_.put(no_wait, [this, cancel] { greet(cancel); }));
}

// Until it answers, or the link changes: an agent that is being restarted closes streams it has just taken.
void AgentKeeper::heard() {
  known_.with([](Known& known) {
    if (known.status.state == AgentStatus::State::kConnected)
      known.status.last_seen = std::chrono::system_clock::now();
  });
}

Result<AgentHello> AgentKeeper::hear_hello(const OpContext& ctx) {
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto hello = client_->hello(ctx.with_timeout(kHelloLimit), GuestAgentClient::Realm::kSystem);
    if (hello.ok()) return hello;
    COVE_TRY(ctx.check());
    log_warn("the agent's hello failed", {{"reason", hello.error().message()}});
    facts_.miss(fact::kAgent, "its link is up, but: " + hello.error().message());
    known_.with([&](Known& known) { known.status.last_error = hello.error().message(); });
    COVE_TRY(clock_.sleep(ctx, pause));
  }
}

Result<std::string> AgentKeeper::tell_owed(const OpContext& ctx, const Known& owed) {
  if (owed.owed == Arrival::kBooted) return std::string();
  facts_.miss(fact::kAgent, "it answers, and is being told what has changed since its state was saved");
  return ", " +
         COVE_TRY(tell_after_return(ctx, *client_, {*owed.options, owed.owed, owed.keys.get()}, facts_));
}

void AgentKeeper::greet(const CancelToken& cancel) {
  if (cancel.cancelled()) return;
  const OpContext ctx{cancel, {}};
  const auto hello = hear_hello(ctx);
  if (!hello.ok()) return;
  const Known owed = known_.read([](const Known& known) { return known; });
  const auto told = tell_owed(ctx, owed);
  // Under the lock, which whoever cancels holds: what a guest is owed that has come meanwhile stays owed.
  const bool current = told.ok() && known_.with([&](Known& known) {
    if (cancel.cancelled()) return false;
    known.owed = Arrival::kBooted;
    known.status = {AgentStatus::State::kConnected, hello->agent_version, "",
                    std::chrono::system_clock::now()};
    return true;
  });
  if (!current) return;
  facts_.meet(fact::kAgent, "version " + hello->agent_version + *told);
  log_info("agent connected", {{"version", hello->agent_version}, {"told", *told}});
  appeared_();
  if (owed.as_saved && meet_as_saved(*owed.options, facts_)) return;
  static_cast<void>(greet_agent(ctx, *client_, *owed.options, facts_, clock_));
}

Result<void> AgentKeeper::reconnect(const OpContext& ctx) {
  const auto channel = slot_.get();
  if (channel == nullptr) return Error(Code::kUnavailable, "the vm has no agent link now");
  COVE_TRY(channel->wait_up(ctx));
  const std::uint64_t before = known_.read([](const Known& known) { return known.appearances; });
  channel->raise_epoch();
  return known_.wait(ctx, [before](const Known& known) {
    return known.appearances > before && known.status.state == AgentStatus::State::kConnected;
  });
}

void AgentKeeper::run_later(std::chrono::milliseconds limit, Job job,
                            std::function<void(Result<void>)> done) {
  const OpContext no_wait{{}, Deadline::after(std::chrono::nanoseconds(0))};
  auto work = [this, limit, job = std::move(job), done] {
    done(job({ending_.token(), Deadline::after(limit)}, *client_));
  };
  if (auto queued = jobs_.put(no_wait, std::move(work)); !queued.ok()) done(std::move(queued));
}

void AgentKeeper::set_clock_soon() {
  const auto options = known_.read([](const Known& known) { return known.options; });
  if (options->depth == GreetingOptions::Depth::kHelloOnly) return;  // the clock would be this host's
  run_later(
      kClockLimit, [](const OpContext& ctx, GuestAgentClient& agent) { return agent.set_clock(ctx); },
      [](const Result<void>& set) {
        if (!set.ok()) log_warn("the guest's clock was not set", {{"reason", set.error().message()}});
      });
}

Result<UniqueFd> AgentKeeper::Gate::connect(const OpContext& ctx, std::uint32_t port) {
  COVE_TRY(keeper_.known_.wait(ctx, [](const Known& known) { return known.owed == Arrival::kBooted; })
               .context("waiting until the guest was told who it is"));
  return keeper_.slot_.connect(ctx, port);
}

}  // namespace cove
