// A link whose other end moves from one engine process to the next, any number of times, at any byte.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <list>
#include <random>

#include "base/io.h"
#include "base/thread.h"
#include "channel/frame.h"
#include "channel/testing/link_end.h"
#include "channel/virtio_serial_channel.h"

namespace cove {
namespace {

using testing::LinkEnd;
using testing::must;
using testing::patient;

// --- a link, byte by byte ----------------------------------------------------------------------------------

// A host's link without a thread; the test is the engine and the guest.
class LinkAtHand {
 public:
  LinkAtHand() {
    auto [ours, engine] = make_socketpair(SOCK_STREAM).value();
    engine_ = std::move(engine);
    link_ = must(AgentLink::create(std::move(ours),
                                   {.role = AgentLink::Role::kHost, .on_accept = {}, .on_state = {}}));
    const Frame hello = await_frame();
    epoch_ = hello.epoch;
    ByteQueue answer;
    append_hello(answer, epoch_, {.window = 1U << 20U});
    send(answer.view());
    user_ = must(link_->connect(patient(), 1024));
    const Frame open = await_frame();
    EXPECT_EQ(open.kind, FrameKind::kOpen);
    channel_ = open.channel;
    generation_ = open.generation;
  }

  AgentLink& link() { return *link_; }
  int engine() const { return engine_.get(); }
  int user() const { return user_.get(); }
  void run() { link_->process(); }
  std::string frame(FrameKind kind, std::string_view payload) const {
    ByteQueue bytes;
    append_frame(bytes, {kind, generation_, channel_, epoch_, payload});
    return std::string(bytes.view());
  }
  void send(std::string_view bytes) {
    ASSERT_TRUE(write_all(patient(), engine_.get(), bytes).ok());
    run();
  }
  // What the host has sent by now, at most so much.
  std::string take(std::size_t most = std::size_t{8} << 20U) {
    std::string all;
    run();
    while (all.size() < most) {
      char chunk[4096];
      const ssize_t count =
          ::recv(engine_.get(), chunk, std::min(sizeof chunk, most - all.size()), MSG_DONTWAIT);
      if (count <= 0) break;
      all.append(chunk, static_cast<std::size_t>(count));
      run();
    }
    return all;
  }
  // The hand-over as the supervisor does it.
  void move() {
    link_->hold();
    std::string unread = take_unread(engine_.get());
    auto [ours, engine] = make_socketpair(SOCK_STREAM).value();
    link_->move_to(std::move(ours), std::move(unread));
    engine_ = std::move(engine);
  }
  std::string typed_by_user() {
    char chunk[65536];
    const ssize_t count = ::recv(user_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    return {chunk, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

 private:
  Frame await_frame() {
    for (;;) {
      if (const auto found = decoder_.next()) return *found;
      const std::string bytes = take();
      const auto room = decoder_.space();
      COVE_CHECK(bytes.size() <= room.size());
      std::copy(bytes.begin(), bytes.end(), room.begin());
      decoder_.commit(bytes.size());
    }
  }

  UniqueFd engine_;
  std::unique_ptr<AgentLink> link_;
  FrameDecoder decoder_;
  std::uint32_t epoch_ = 0;
  std::uint16_t channel_ = 0;
  std::uint8_t generation_ = 0;
  UniqueFd user_;
};

TEST(LinkMove, AFrameGoesOnAtWhateverByteTheMoveCutsIt) {
  LinkAtHand at_hand;
  const std::string in = at_hand.frame(FrameKind::kData, "from the guest");
  const std::string out = at_hand.frame(FrameKind::kData, "to the guest");
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    at_hand.send(std::string_view(in).substr(0, cut));
    ASSERT_TRUE(write_all(patient(), at_hand.user(), "to the guest").ok());
    std::string sent = at_hand.take(std::min(cut, out.size()));
    at_hand.move();
    at_hand.send(std::string_view(in).substr(cut));
    sent += at_hand.take();
    ASSERT_EQ(sent, out) << cut;
    ASSERT_EQ(at_hand.typed_by_user(), "from the guest") << cut;
  }
  EXPECT_EQ(at_hand.link().counters().skipped_bytes, 0U);
  EXPECT_EQ(at_hand.link().counters().epochs, 1U);
}

// What the old engine had sent is in its socket still: here half a frame, and it has ended, too.
TEST(LinkMove, TheOldSocketIsReadToItsEndWhichIsNoNews) {
  LinkAtHand at_hand;
  const std::string in = at_hand.frame(FrameKind::kData, std::string(20'000, 'i'));
  at_hand.link().hold();
  std::string bytes;
  for (int i = 0; i < 5; ++i) bytes += in;
  ASSERT_TRUE(write_all(patient(), at_hand.engine(), bytes.substr(0, bytes.size() - 7)).ok());
  ::shutdown(at_hand.engine(), SHUT_RDWR);
  at_hand.run();
  EXPECT_EQ(at_hand.typed_by_user(), "") << "held";
  at_hand.move();
  EXPECT_EQ(at_hand.link().state(), AgentLink::State::kUp);
  at_hand.send(bytes.substr(bytes.size() - 7));
  std::string got;
  for (std::string more; !(more = at_hand.typed_by_user()).empty();) {
    got += more;
    at_hand.run();
  }
  EXPECT_TRUE(got == std::string(100'000, 'i'));
}

TEST(LinkMove, WhatWasNotReadGoesFirstWhetherItMovesOrGoesOn) {
  for (const bool moves : {true, false}) {
    LinkAtHand at_hand;
    // Until the socket and the link's own queue are full.
    std::string typed;
    for (;;) {
      const std::string chunk(10'000, static_cast<char>('a' + typed.size() % 26));
      const ssize_t count = ::send(at_hand.user(), chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (count <= 0) break;
      typed += chunk.substr(0, static_cast<std::size_t>(count));
      for (int i = 0; i < 8; ++i) at_hand.run();
    }
    const std::uint64_t counted = at_hand.link().counters().bytes_out;
    std::string sent = at_hand.take(11);
    EXPECT_EQ(at_hand.link().counters().bytes_out, counted) << "there was no room";
    if (moves) {
      at_hand.move();
    } else {
      at_hand.link().hold();
      std::string unread = take_unread(at_hand.engine());
      EXPECT_GT(unread.size(), 50'000U);
      at_hand.run();
      EXPECT_EQ(take_unread(at_hand.engine()), "") << "held";
      at_hand.link().go_on(std::move(unread));
    }
    sent += at_hand.take();
    FrameDecoder decoder;
    std::string got;
    for (std::string_view rest = sent; !rest.empty();) {
      const auto room = decoder.space();
      const std::size_t count = std::min(room.size(), rest.size());
      std::copy_n(rest.begin(), count, room.begin());
      decoder.commit(count);
      rest.remove_prefix(count);
      while (const auto frame = decoder.next()) got += frame->payload;
    }
    EXPECT_EQ(got.size(), typed.size());
    EXPECT_TRUE(got == typed);
    EXPECT_EQ(decoder.skipped_bytes(), 0U);
  }
}

TEST(LinkMove, AnEpochRaisedWhileHeldComesAfterWhatWasNotRead) {
  LinkAtHand at_hand;
  ASSERT_TRUE(write_all(patient(), at_hand.user(), "cut").ok());
  const std::string begun = at_hand.take(10);
  at_hand.link().hold();
  at_hand.link().raise_epoch();
  at_hand.run();
  at_hand.move();
  const std::string sent = begun + at_hand.take();
  const std::string whole = at_hand.frame(FrameKind::kData, "cut");
  EXPECT_EQ(sent.substr(0, whole.size()), whole);
  EXPECT_EQ(sent.size(),
            whole.size() + kMaxFrameBytes + kFrameHeaderBytes + HelloPayload::kBytes + kFrameTrailerBytes);
  EXPECT_EQ(at_hand.link().state(), AgentLink::State::kDown);
}

TEST(LinkMove, WhatWasSaidBeforeTheEndIsHeard) {
  LinkAtHand at_hand;
  const std::string words = at_hand.frame(FrameKind::kData, "going down");
  ASSERT_TRUE(write_all(patient(), at_hand.engine(), words).ok());
  at_hand.link().close();
  EXPECT_EQ(at_hand.typed_by_user(), "going down");
  EXPECT_EQ(at_hand.link().state(), AgentLink::State::kClosed);
}

TEST(LinkMove, AClosedLinkRefusesWhoeverWaits) {
  auto [ours, engine] = make_socketpair(SOCK_STREAM).value();
  LinkEnd host(AgentLink::Role::kHost, std::move(ours));
  Mailbox<Code> answers(1);
  Thread waiter("waiter", [&] {
    const auto stream = host.link().connect(patient(), 1024);
    EXPECT_TRUE(answers.put(patient(), stream.ok() ? Code::kInternal : stream.error().code()).ok());
  });
  host.on_loop([&] { host.link().close(); });
  EXPECT_EQ(must(answers.take(patient())), Code::kUnavailable);
  host.on_loop([&] {
    host.link().hold();
    host.link().move_to({}, "x");
    host.link().go_on("x");
  });
  EXPECT_EQ(host.link().state(), AgentLink::State::kClosed);
}

// --- engines that carry a load -----------------------------------------------------------------------------

// How an engine passes bytes on: at most so many at once, and only the ways that are open.
struct Habit {
  std::size_t chunk;
  bool feeds_guest;
  bool feeds_host;
};

// An engine process between the host's socket and the guest's port. What it has taken and not passed on is
// its device state, which the next engine begins with.
class Engine {
 public:
  struct State {
    std::string to_guest;
    std::string to_host;
  };
  Engine(UniqueFd host, int port, State state, Habit habit, unsigned seed)
      : host_(std::move(host)), port_(port), state_(std::move(state)), habit_(habit), random_(seed) {
    thread_ = Thread("engine", [this] { run(); });
  }
  ~Engine() { stand_still(); }

  void stand_still() {
    still_.cancel();
    thread_.join();
  }
  // Waits until it has passed on so many bytes; or gives up on one that cannot.
  void work(std::size_t bytes) {
    static_cast<void>(passed_.wait(testing::within(std::chrono::milliseconds(100)),
                                   [bytes](std::size_t passed) { return passed >= bytes; }));
  }
  // Once it stands still.
  UniqueFd take_end() { return std::move(host_); }
  const State& state() const { return state_; }

 private:
  static constexpr std::size_t kHolds = 4096;

  std::size_t some() { return 1 + random_() % habit_.chunk; }
  void take(int from, std::string& to) {
    char bytes[kHolds];
    const ssize_t count = ::recv(from, bytes, std::min(some(), kHolds - to.size()), MSG_DONTWAIT);
    if (count > 0) to.append(bytes, static_cast<std::size_t>(count));
  }
  void pass(std::string& from, int to) {
    const ssize_t count = ::send(to, from.data(), std::min(some(), from.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) return;
    from.erase(0, static_cast<std::size_t>(count));
    passed_.with([count](std::size_t& passed) { passed += static_cast<std::size_t>(count); });
  }
  short events(const std::string& in, bool in_open, const std::string& out, bool out_open) const {
    return static_cast<short>((in_open && in.size() < kHolds ? POLLIN : 0) |
                              (out_open && !out.empty() ? POLLOUT : 0));
  }
  void run() {
    const int cancel = still_.token().fd();
    while (!still_.token().cancelled()) {
      pollfd fds[3] = {
          {host_.get(), events(state_.to_guest, habit_.feeds_guest, state_.to_host, habit_.feeds_host), 0},
          {port_, events(state_.to_host, habit_.feeds_host, state_.to_guest, habit_.feeds_guest), 0},
          {cancel, POLLIN, 0}};
      if (::poll(fds, 3, -1) < 0) continue;
      if ((fds[0].revents & POLLIN) != 0) take(host_.get(), state_.to_guest);
      if ((fds[1].revents & POLLIN) != 0) take(port_, state_.to_host);
      if ((fds[0].revents & POLLOUT) != 0) pass(state_.to_host, host_.get());
      if ((fds[1].revents & POLLOUT) != 0) pass(state_.to_guest, port_);
    }
  }

  UniqueFd host_;
  int port_;
  State state_;
  Habit habit_;
  std::minstd_rand random_;
  CancelSource still_;
  Guarded<std::size_t> passed_{std::size_t{0}};
  Thread thread_;
};

// So many bytes that only this seed gives.
void write_stream(int fd, unsigned seed, std::size_t bytes) {
  std::minstd_rand random(seed);
  std::string block(10'000, '\0');
  for (std::size_t done = 0; done < bytes; done += block.size()) {
    for (char& byte : block) byte = static_cast<char>(random() >> 8U);
    ASSERT_TRUE(write_all(patient(), fd, block).ok()) << done;
  }
}

void expect_stream(int fd, unsigned seed, std::size_t bytes) {
  std::minstd_rand random(seed);
  std::string block(10'000, '\0');
  for (std::size_t done = 0; done < bytes; done += block.size()) {
    const auto got = read_exact(patient(), fd, block);
    ASSERT_TRUE(got.ok()) << done << ": " << got.error().message();
    for (std::size_t i = 0; i < block.size(); ++i)
      ASSERT_EQ(block[i], static_cast<char>(random() >> 8U)) << done + i;
  }
}

constexpr Habit kHabits[] = {
    {4096, true, true}, {7, true, true}, {4096, false, true}, {4096, true, false}, {300, true, true},
};

TEST(LinkMove, ManyStreamsBothWaysOverManyEngines) {
  constexpr unsigned kStreams = 4;
  constexpr std::size_t kBytes = 3'000'000;
  auto [host_end, engine_end] = make_socketpair(SOCK_STREAM).value();
  auto [port, guest_end] = make_socketpair(SOCK_STREAM).value();
  LinkEnd host(AgentLink::Role::kHost, std::move(host_end));
  LinkEnd guest(AgentLink::Role::kGuest, std::move(guest_end));
  auto engine = std::make_unique<Engine>(std::move(engine_end), port.get(), Engine::State{}, kHabits[0], 1);

  std::list<UniqueFd> streams;
  std::list<Thread> users;
  for (unsigned i = 0; i < kStreams; ++i) {
    const int above = streams.emplace_back(must(host.link().connect(patient(), 1024))).get();
    const int below = streams.emplace_back(guest.accept()).get();
    users.emplace_back("down", [=] { write_stream(above, 2 * i, kBytes); });
    users.emplace_back("down", [=] { expect_stream(below, 2 * i, kBytes); });
    users.emplace_back("up", [=] { write_stream(below, 2 * i + 1, kBytes); });
    users.emplace_back("up", [=] { expect_stream(above, 2 * i + 1, kBytes); });
  }
  // The preambles of the greeting, and nothing more from here on.
  const std::uint64_t skipped_above = host.link().counters().skipped_bytes;
  const std::uint64_t skipped_below = guest.link().counters().skipped_bytes;
  std::size_t carried = 0;
  for (unsigned move = 1; move <= 40; ++move) {
    const Habit& habit = kHabits[move % std::size(kHabits)];
    engine->work(habit.chunk * 50);
    host.on_loop([&] { host.link().hold(); });
    engine->stand_still();
    UniqueFd old = engine->take_end();
    std::string unread = take_unread(old.get());
    carried += unread.size();
    auto [fresh, end] = make_socketpair(SOCK_STREAM).value();
    const bool fails = move % 4 == 0;  // the old one goes on
    auto next = std::make_unique<Engine>(fails ? std::move(old) : std::move(end), port.get(), engine->state(),
                                         habit, move);
    host.on_loop([&] {
      if (fails) return host.link().go_on(std::move(unread));
      host.link().move_to(std::move(fresh), std::move(unread));
    });
    engine = std::move(next);
  }
  EXPECT_GT(carried, 100'000U);
  engine->stand_still();
  UniqueFd end = engine->take_end();
  engine = std::make_unique<Engine>(std::move(end), port.get(), engine->state(), kHabits[0], 2);
  for (auto& user : users) user.join();
  EXPECT_EQ(host.link().counters().skipped_bytes, skipped_above);
  EXPECT_EQ(guest.link().counters().skipped_bytes, skipped_below);
  EXPECT_EQ(host.link().counters().epochs, 1U);
}

}  // namespace
}  // namespace cove
