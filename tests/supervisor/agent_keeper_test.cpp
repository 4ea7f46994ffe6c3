// What a guest from a saved state is told, and that nobody else gets to it before.
#include "supervisor/agent_keeper.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <list>

#include "base/io.h"
#include "base/loop_thread.h"
#include "base/testing/patience.h"
#include "base/thread.h"
#include "recording_agent.h"

namespace cove {
namespace {

using testing::patient;
using Words = std::vector<std::string>;

GreetingOptions fork_options() {
  GreetingOptions options;
  options.hostname = "child";
  options.user.name = "ann";
  options.machine_id = std::string(32, 'c');
  options.old_mac = "52:54:00:00:00:01";
  options.mac = "52:54:00:00:00:02";
  options.make_host_keys = [](const OpContext&, const std::string& hostname) {
    return Result<std::vector<SshHostKey>>({{"ssh_host_ed25519_key", "secret of " + hostname, "open"}});
  };
  options.facts_at_save = {"process", "kernel", "agent", "clock", "disk", "user"};
  return options;
}

// A keeper whose guest has a link and an agent that notes.
class Keeper {
 public:
  explicit Keeper(GreetingOptions options)
      : facts_(fact_names_for(options)),
        relay_("relay"),
        guests_("guests"),
        keeper_(
            relay_.loop(), [this](GuestChannel&) { return std::make_unique<RecordingAgent>(notes); },
            std::move(options), facts_, [] {}) {}
  ~Keeper() { unplug(); }

  void arrive(Arrival arrival) {
    unplug();
    auto [host, guest] = make_socketpair(SOCK_STREAM).value();
    guests_.do_on_loop([this, fd = &guest] {
      auto echo = [this](std::uint32_t, UniqueFd stream) { serve_echo(std::move(stream)); };
      link_ = AgentLink::create(std::move(*fd),
                                {.role = AgentLink::Role::kGuest, .on_accept = echo, .on_state = {}})
                  .value();
      registration_ = link_->attach(guests_.loop());
    });
    keeper_.attach(std::move(host), arrival);
  }
  void unplug() {
    keeper_.detach();
    guests_.do_on_loop([this] {
      echoes_.clear();
      registration_.reset();
      link_.reset();
    });
  }
  // The guest changes to a fresh socket, whose other end goes to `host_moves`.
  void move_guest(const std::function<void(UniqueFd)>& host_moves) {
    auto [host, guest] = make_socketpair(SOCK_STREAM).value();
    guests_.do_on_loop([&] { link_->hold(); });
    host_moves(std::move(host));
    guests_.do_on_loop([&] { link_->move_to(std::move(guest), {}); });
  }
  std::string evidence(std::string_view name) {
    for (const auto& state : facts_.all()) {
      if (state.name == name) return state.evidence;
    }
    return "(no such fact)";
  }
  Result<void> wait(std::string_view name) { return facts_.wait(patient(), name); }
  FactBoard& facts() { return facts_; }
  AgentKeeper& operator*() { return keeper_; }
  AgentKeeper* operator->() { return &keeper_; }

  AgentNotes notes;

 private:
  struct Echo {
    UniqueFd stream;
    Registration readable;
  };
  void serve_echo(UniqueFd stream) {
    Echo& echo = echoes_.emplace_back();
    echo.stream = std::move(stream);
    echo.readable = guests_.loop().watch(echo.stream.get(), Ready::kRead, [&echo] {
      char bytes[64];
      const ssize_t count = ::recv(echo.stream.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (count <= 0) return echo.readable.reset();
      EXPECT_EQ(::send(echo.stream.get(), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL), count);
    });
  }

  FactBoard facts_;
  LoopThread relay_;
  LoopThread guests_;
  std::unique_ptr<AgentLink> link_;
  Registration registration_;
  std::list<Echo> echoes_;
  AgentKeeper keeper_;
};

TEST(AgentKeeper, a_fork_is_told_who_it_is_before_anybody_gets_to_it) {
  Keeper keeper(fork_options());
  bool open_too_early = false;
  keeper.notes.on_identity = [&](const OpContext&) -> Result<void> {
    const OpContext now{{}, Deadline::after(std::chrono::nanoseconds(0))};
    open_too_early = keeper.facts().met(fact::kAgent) || keeper->channel().connect(now, 1024).ok();
    return {};
  };
  keeper.arrive(Arrival::kForked);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  EXPECT_FALSE(open_too_early);
  EXPECT_TRUE(keeper->channel().connect(patient(), 1024).ok());
  EXPECT_EQ(keeper.notes.all(), (Words{"hello", "thaw", "clock", "identity"}));
  const NewIdentity& told = keeper.notes.identity;
  EXPECT_EQ(told.machine_id, std::string(32, 'c'));
  EXPECT_EQ(told.hostname, "child");
  EXPECT_EQ(told.old_mac, "52:54:00:00:00:01");
  EXPECT_EQ(told.mac, "52:54:00:00:00:02");
  ASSERT_EQ(told.host_keys.size(), 1U);
  EXPECT_EQ(told.host_keys[0].private_key, "secret of child");
  EXPECT_EQ(told.other_host_keys, NewIdentity::OtherHostKeys::kReplace);
  EXPECT_EQ(keeper.evidence(fact::kAgent),
            "version 7, forked, set: clock and randomness, machine-id; failed: mac (no such interface)");
  EXPECT_EQ(keeper.evidence(fact::kClock), "set to the host's, forked");
  EXPECT_EQ(keeper.evidence(fact::kDisk), "as it was when it was saved");
}

TEST(AgentKeeper, a_guest_that_returns_stays_who_it_was) {
  Keeper keeper(fork_options());
  keeper.arrive(Arrival::kReturned);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  EXPECT_EQ(keeper.notes.all(), (Words{"hello", "thaw", "clock"}));
  EXPECT_EQ(keeper.evidence(fact::kAgent),
            "version 7, returned from a saved state, set: clock and randomness");
  // Its agent is heard anew, and need not be told again.
  ASSERT_TRUE(keeper->reconnect(patient()).ok());
  ASSERT_TRUE(keeper.wait(fact::kAgent).ok());
  EXPECT_EQ(keeper.notes.all(), (Words{"hello", "thaw", "clock", "hello"}));
}

TEST(AgentKeeper, what_was_open_at_the_save_is_done_after_the_return) {
  auto options = fork_options();
  options.facts_at_save = {"process", "kernel", "agent", "clock"};
  Keeper keeper(options);
  keeper.arrive(Arrival::kReturned);
  ASSERT_TRUE(keeper.wait(fact::kDisk).ok());
  EXPECT_EQ(keeper.notes.all(), (Words{"hello", "thaw", "clock", "clock", "hostname", "user", "grow"}));
}

TEST(AgentKeeper, a_boot_after_a_return_is_a_boot) {
  Keeper keeper(fork_options());
  keeper.arrive(Arrival::kReturned);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  keeper.facts().start_over("the machine ended");
  keeper.arrive(Arrival::kBooted);
  ASSERT_TRUE(keeper.wait(fact::kDisk).ok());
  EXPECT_EQ(keeper.notes.all(),
            (Words{"hello", "thaw", "clock", "hello", "clock", "hostname", "user", "grow"}));
  EXPECT_EQ(keeper.evidence(fact::kAgent), "version 7");
}

TEST(AgentKeeper, an_identity_that_is_kept_is_kept_whole) {
  auto options = fork_options();
  options.machine_id = options.old_mac = options.mac = "";
  options.make_host_keys = nullptr;
  Keeper keeper(options);
  keeper.arrive(Arrival::kForked);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  EXPECT_EQ(keeper.notes.identity.hostname, "");
  EXPECT_TRUE(keeper.notes.identity.host_keys.empty());
  EXPECT_EQ(keeper.notes.identity.other_host_keys, NewIdentity::OtherHostKeys::kKeep);
}

TEST(AgentKeeper, a_step_that_hangs_is_given_up_after_two_seconds) {
  auto options = fork_options();
  options.make_host_keys = [](const OpContext&, const std::string&) {
    return Result<std::vector<SshHostKey>>(Error(Code::kNotFound, "no ssh-keygen"));
  };
  Keeper keeper(options);
  keeper.notes.on_identity = [](const OpContext& ctx) -> Result<void> {
    EXPECT_LE(ctx.deadline.remaining().value_or(std::chrono::hours(1)), std::chrono::seconds(2));
    return Error(Code::kDeadlineExceeded, "deadline exceeded");
  };
  keeper.arrive(Arrival::kForked);
  ASSERT_TRUE(keeper.wait(fact::kAgent).ok());
  EXPECT_EQ(keeper.evidence(fact::kAgent),
            "version 7, forked, set: clock and randomness; failed: host keys (no ssh-keygen), "
            "identity (deadline exceeded)");
  EXPECT_EQ(keeper.notes.identity.other_host_keys, NewIdentity::OtherHostKeys::kKeep);
}

TEST(AgentKeeper, the_fake_backend_s_agent_is_told_nothing) {
  auto options = fork_options();
  options.depth = GreetingOptions::Depth::kHelloOnly;
  Keeper keeper(options);
  keeper.arrive(Arrival::kForked);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  EXPECT_EQ(keeper.evidence(fact::kAgent), "version 7, forked (fake backend: nothing to tell)");
  EXPECT_EQ(keeper.evidence(fact::kClock), "as it was when it was saved");
  keeper->set_clock_soon();
  ASSERT_TRUE(keeper->reconnect(patient()).ok());
  EXPECT_EQ(keeper.notes.all(), (Words{"hello", "hello"}));
}

TEST(AgentKeeper, a_link_that_moves_is_the_same_link) {
  Keeper keeper(fork_options());
  keeper.arrive(Arrival::kBooted);
  ASSERT_TRUE(keeper.wait(fact::kDisk).ok());
  const auto before = keeper.notes.all();
  const UniqueFd stream = keeper->channel().connect(patient(), 1024).value();
  keeper->hold();
  keeper.move_guest([&](UniqueFd fresh) { keeper->move_to(std::move(fresh), {}); });
  // The agent answers on the other socket, to a stream that was opened before, and nobody greets it again.
  ASSERT_TRUE(write_all(patient(), stream.get(), "ping").ok());
  char pong[4];
  ASSERT_TRUE(read_exact(patient(), stream.get(), pong).ok());
  EXPECT_EQ(std::string_view(pong, sizeof pong), "ping");
  keeper->hold();
  ASSERT_TRUE(write_all(patient(), stream.get(), "held").ok());
  keeper->go_on({});
  ASSERT_TRUE(read_exact(patient(), stream.get(), pong).ok());
  EXPECT_EQ(std::string_view(pong, sizeof pong), "held");
  EXPECT_EQ(keeper->link_counters()->epochs, 1U);
  EXPECT_EQ(keeper.notes.all(), before);
}

TEST(AgentKeeper, whoever_has_a_stream_or_waits_for_one_is_told_that_the_machine_is_gone) {
  Keeper keeper(fork_options());
  keeper.arrive(Arrival::kBooted);
  ASSERT_TRUE(keeper.wait(fact::kDisk).ok());
  const UniqueFd stream = keeper->channel().connect(patient(), 1024).value();
  // The socket's other end stays open, as the supervisor keeps a duplicate of the engine's.
  keeper->detach();
  char byte = 0;
  const auto end = read_some(patient(), stream.get(), {&byte, 1});
  EXPECT_TRUE(!end.ok() || *end == 0);

  auto [host, guest] = make_socketpair(SOCK_STREAM).value();
  keeper->attach(std::move(host), Arrival::kBooted);
  keeper->hold();  // when it returns, there is a link
  keeper->go_on({});
  Thread waiter("waiter", [&] {
    const auto refused = keeper->reconnect(patient());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  });
  keeper->detach();
  waiter.join();
}

TEST(AgentKeeper, the_hold_of_no_link_is_nothing) {
  Keeper keeper(fork_options());
  keeper->hold();
  keeper->move_to({}, "x");
  keeper->go_on("x");
  keeper.arrive(Arrival::kBooted);
  EXPECT_TRUE(keeper.wait(fact::kDisk).ok());
}

TEST(AgentKeeper, the_clock_is_set_when_asked_for) {
  Keeper keeper(fork_options());
  keeper.arrive(Arrival::kReturned);
  ASSERT_TRUE(keeper.wait(fact::kUser).ok());
  keeper->set_clock_soon();
  EXPECT_TRUE(
      keeper.notes.calls
          .wait(patient(),
                [](const Words& calls) { return std::count(calls.begin(), calls.end(), "clock") == 2; })
          .ok());
}

}  // namespace
}  // namespace cove
