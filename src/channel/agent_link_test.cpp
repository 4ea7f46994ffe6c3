#include "channel/agent_link.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <string>

#include "base/io.h"
#include "base/thread.h"
#include "channel/frame.h"
#include "channel/testing/link_end.h"
#include "channel/virtio_serial_channel.h"

namespace cove {
namespace {

using namespace std::chrono_literals;
using testing::must;
using End = testing::LinkEnd;

OpContext soon() { return testing::patient(); }

struct Pair {
  Pair() {
    auto fds = make_socketpair(SOCK_STREAM);
    spare = must(duplicate(fds->second.get()));
    host = std::make_unique<End>(AgentLink::Role::kHost, std::move(fds->first));
    guest = std::make_unique<End>(AgentLink::Role::kGuest, std::move(fds->second));
  }
  UniqueFd spare;  // the guest's side of the wire stays open over an agent's restart, as a port does
  std::unique_ptr<End> host;
  std::unique_ptr<End> guest;
};

std::string read_text(int fd, std::size_t size) {
  std::string text(size, '\0');
  const auto done = read_exact(soon(), fd, text);
  return done.ok() ? text : done.error().message();
}

void expect_end(int fd) {
  char byte = 0;
  const auto count = read_some(soon(), fd, {&byte, 1});
  EXPECT_TRUE(!count.ok() || *count == 0);
}

TEST(AgentLink, CarriesBothWaysAndHalfCloses) {
  Pair pair;
  UniqueFd host = must(pair.host->link().connect(soon(), 1024));
  UniqueFd guest = pair.guest->accept();
  EXPECT_EQ(pair.guest->last_port(), 1024U);
  ASSERT_TRUE(write_all(soon(), host.get(), "question").ok());
  EXPECT_EQ(read_text(guest.get(), 8), "question");
  ::shutdown(host.get(), SHUT_WR);
  expect_end(guest.get());
  ASSERT_TRUE(write_all(soon(), guest.get(), "answer").ok());
  EXPECT_EQ(read_text(host.get(), 6), "answer");
  guest.reset();
  expect_end(host.get());
}

TEST(AgentLink, GuestOpensTowardsHost) {
  Pair pair;
  UniqueFd guest = must(pair.guest->link().connect(soon(), 22));
  UniqueFd host = pair.host->accept();
  EXPECT_EQ(pair.host->last_port(), 22U);
  ASSERT_TRUE(write_all(soon(), guest.get(), "x").ok());
  EXPECT_EQ(read_text(host.get(), 1), "x");
}

TEST(AgentLink, SeveralStreamsToOnePort) {
  Pair pair;
  std::vector<UniqueFd> hosts;
  hosts.reserve(40);
  for (int i = 0; i < 40; ++i) hosts.push_back(must(pair.host->link().connect(soon(), 1024)));
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(
        write_all(soon(), hosts[static_cast<std::size_t>(i)].get(), std::string(1, char('0' + i))).ok());
  }
  for (int i = 0; i < 40; ++i) {
    const UniqueFd guest = pair.guest->accept();
    EXPECT_EQ(read_text(guest.get(), 1), std::string(1, char('0' + i)));
  }
}

TEST(AgentLink, NobodyListensEndsTheStream) {
  auto fds = make_socketpair(SOCK_STREAM);
  auto loop = make_event_loop();
  auto host = VirtioSerialChannel::create(*loop, std::move(fds->first));
  auto guest = AgentLink::create(std::move(fds->second),
                                 {.role = AgentLink::Role::kGuest, .on_accept = {}, .on_state = {}});
  ASSERT_TRUE(host.ok() && guest.ok());
  const auto registration = (*guest)->attach(*loop);
  while ((*host)->state() != AgentLink::State::kUp) loop->run_one(1s);
  UniqueFd stream = must((*host)->connect(soon(), 77));
  pollfd ready{stream.get(), POLLIN, 0};
  while (::poll(&ready, 1, 0) == 0) loop->run_one(1s);
  expect_end(stream.get());
}

TEST(AgentLink, ConnectWaitsAndSaysWhatItMissed) {
  auto fds = make_socketpair(SOCK_STREAM);
  End host(AgentLink::Role::kHost, std::move(fds->first));
  const auto stream = host.link().connect({CancelToken(), Deadline::after(30ms)}, 1024);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(stream.error().message(), "waiting for the guest agent: deadline exceeded");
}

// A reader that never reads holds up its own channel only.
TEST(AgentLink, SlowReaderBlocksNobodyElse) {
  Pair pair;
  UniqueFd slow_host = must(pair.host->link().connect(soon(), 1));
  UniqueFd slow_guest = pair.guest->accept();
  std::size_t stuffed = 0;
  const std::string chunk(65536, 's');
  for (;;) {  // until no more goes in for a while: sockets and window are full
    pollfd writable{slow_host.get(), POLLOUT, 0};
    if (::poll(&writable, 1, 100) == 0) break;
    const ssize_t count = ::send(slow_host.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) stuffed += static_cast<std::size_t>(count);
  }
  EXPECT_GT(stuffed, std::size_t{1} << 20U);
  EXPECT_LT(stuffed, std::size_t{3} << 20U);
  UniqueFd host = must(pair.host->link().connect(soon(), 2));
  UniqueFd guest = pair.guest->accept();
  const std::string big(8U << 20U, 'b');
  Thread writer("writer", [&] { EXPECT_TRUE(write_all(soon(), host.get(), big).ok()); });
  EXPECT_EQ(read_text(guest.get(), big.size()), big);
  writer.join();
  const std::string slow = read_text(slow_guest.get(), stuffed);
  EXPECT_EQ(slow, std::string(stuffed, 's'));
}

TEST(AgentLink, DataBeforeACloseArrives) {
  Pair pair;
  for (int round = 0; round < 300; ++round) {  // also reuses the number with every generation
    UniqueFd host = must(pair.host->link().connect(soon(), 9));
    const std::string text(round % 2 == 0 ? 3U : 150'000U, 'd');
    ASSERT_TRUE(write_all(soon(), host.get(), text).ok());
    host.reset();
    const UniqueFd guest = pair.guest->accept();
    ASSERT_EQ(read_text(guest.get(), text.size()), text) << round;
    expect_end(guest.get());
  }
}

TEST(AgentLink, RaisedEpochDropsEveryChannelAndGoesOn) {
  Pair pair;
  for (int round = 0; round < 20; ++round) {
    UniqueFd host = must(pair.host->link().connect(soon(), 1024));
    UniqueFd guest = pair.guest->accept();
    ASSERT_TRUE(write_all(soon(), host.get(), std::string(100'000, 'x')).ok());
    pair.host->link().raise_epoch();
    std::string rest;
    expect_end(host.get());
    EXPECT_TRUE(read_to_end(soon(), guest.get(), 1U << 20U).ok());
    UniqueFd again = must(pair.host->link().connect(soon(), 1024));
    UniqueFd accepted = pair.guest->accept();
    ASSERT_TRUE(write_all(soon(), again.get(), "new").ok());
    EXPECT_EQ(read_text(accepted.get(), 3), "new");
  }
}

TEST(AgentLink, ConnectRightAfterRaisingWaitsForTheNewEpoch) {
  Pair pair;
  for (int round = 0; round < 50; ++round) {
    EXPECT_TRUE(pair.host->link().wait_up(soon()).ok());
    pair.host->link().raise_epoch();
    UniqueFd host = must(pair.host->link().connect(soon(), 1024));
    UniqueFd guest = pair.guest->accept();
    ASSERT_TRUE(write_all(soon(), host.get(), "new").ok());
    EXPECT_EQ(read_text(guest.get(), 3), "new");
  }
}

TEST(AgentLink, RestartedAgentIsNoticed) {
  Pair pair;
  UniqueFd host = must(pair.host->link().connect(soon(), 1024));
  UniqueFd guest = pair.guest->accept();
  Thread writer("writer", [&] {  // dies in the middle of frames
    while (write_all(soon(), guest.get(), std::string(100'000, 'x')).ok()) {
    }
  });
  EXPECT_EQ(read_text(host.get(), 1'000'000).size(), 1'000'000U);
  pair.guest->stop();
  writer.join();
  End again(AgentLink::Role::kGuest, must(duplicate(pair.spare.get())));
  EXPECT_TRUE(read_to_end(soon(), host.get(), std::size_t{64} << 20U).ok());
  UniqueFd fresh = must(pair.host->link().connect(soon(), 1024));
  UniqueFd accepted = again.accept();
  ASSERT_TRUE(write_all(soon(), fresh.get(), "new").ok());
  EXPECT_EQ(read_text(accepted.get(), 3), "new");
}

// A restored guest: its parser is left at any byte of an old frame, and its rest of one comes out first.
TEST(AgentLink, NewHostSynchronisesWithAGuestInTheMiddleOfAFrame) {
  ByteQueue old;
  append_frame(old, {FrameKind::kData, 1, 1024, 77, std::string(50, 'o')});
  for (std::size_t cut = 1; cut < old.size(); ++cut) {
    auto fds = make_socketpair(SOCK_STREAM);
    ASSERT_TRUE(write_all(soon(), fds->first.get(), old.view().substr(0, cut)).ok());
    ASSERT_TRUE(write_all(soon(), fds->second.get(), old.view().substr(cut)).ok());
    End guest(AgentLink::Role::kGuest, std::move(fds->second));
    End host(AgentLink::Role::kHost, std::move(fds->first));
    auto stream = host.link().connect(soon(), 1024);
    ASSERT_TRUE(stream.ok()) << cut;
    const UniqueFd accepted = guest.accept();
    ASSERT_TRUE(write_all(soon(), stream->get(), "new").ok());
    EXPECT_EQ(read_text(accepted.get(), 3), "new") << cut;
  }
}

// A restored guest's agent remembers an older epoch, with streams in the middle of frames both ways. Nothing
// but what the new host sends may be needed for its answer: no timer, and so no wait in here.
TEST(AgentLink, NewHostIsAnsweredAtOnceByAGuestInAnOlderEpoch) {
  auto fds = make_socketpair(SOCK_STREAM);
  const UniqueFd wire = must(duplicate(fds->first.get()));  // the port stays when a host goes
  std::vector<UniqueFd> accepted;
  const auto make = [&](AgentLink::Role role, UniqueFd stream) {
    return must(AgentLink::create(
        std::move(stream),
        {.role = role,
         .on_accept = [&](std::uint32_t, UniqueFd fd) { accepted.push_back(std::move(fd)); },
         .on_state = {}}));
  };
  const auto guest = make(AgentLink::Role::kGuest, std::move(fds->second));
  auto old_host = make(AgentLink::Role::kHost, std::move(fds->first));
  const auto is_ready = [](const AgentLink& link) {
    pollfd ready{link.poll_fd(), POLLIN, 0};
    return ::poll(&ready, 1, 0) == 1;
  };
  const auto settle = [&](AgentLink& host) {
    while (is_ready(host) || is_ready(*guest)) {
      if (is_ready(host)) host.process();
      if (is_ready(*guest)) guest->process();
    }
  };
  settle(*old_host);
  const UniqueFd stream = must(old_host->connect(soon(), 1024));
  settle(*old_host);
  ASSERT_EQ(accepted.size(), 1U);
  // More than the wire takes, so that both ends are left in the middle of a frame.
  const std::string much(600'000, 'x');
  ASSERT_TRUE(set_nonblocking(stream.get()).ok() && set_nonblocking(accepted[0].get()).ok());
  for (int turn = 0; turn < 20; ++turn) {
    static_cast<void>(::send(accepted[0].get(), much.data(), much.size(), MSG_NOSIGNAL));
    static_cast<void>(::send(stream.get(), much.data(), much.size(), MSG_NOSIGNAL));
    if (is_ready(*guest)) guest->process();
    if (turn < 10 && is_ready(*old_host)) old_host->process();
  }
  old_host.reset();
  const auto start = std::chrono::steady_clock::now();
  const auto host = make(AgentLink::Role::kHost, must(duplicate(wire.get())));
  settle(*host);
  EXPECT_EQ(host->state(), AgentLink::State::kUp);
  EXPECT_EQ(guest->state(), AgentLink::State::kUp);
  EXPECT_GT(host->counters().skipped_bytes, 0U);
  // It ends after what was delivered before, or, as bytes towards the old host were under way, with a reset.
  const auto rest = read_to_end(soon(), accepted[0].get(), 1U << 20U);
  EXPECT_TRUE(rest.ok() || rest.error().code() == Code::kUnavailable) << rest.error().message();
  const UniqueFd fresh = must(host->connect(soon(), 1024));
  ASSERT_TRUE(write_all(soon(), fresh.get(), "new").ok());
  settle(*host);
  ASSERT_EQ(accepted.size(), 2U);
  EXPECT_EQ(read_text(accepted[1].get(), 3), "new");
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  RecordProperty("microseconds", std::to_string(took.count()));
}

TEST(AgentLink, EndOfTheWireClosesStreamsAndRefusesNewOnes) {
  auto fds = make_socketpair(SOCK_STREAM);
  End host(AgentLink::Role::kHost, std::move(fds->first));
  auto guest = std::make_unique<End>(AgentLink::Role::kGuest, std::move(fds->second));
  UniqueFd stream = must(host.link().connect(soon(), 1024));
  const UniqueFd accepted = guest->accept();
  guest->stop();
  expect_end(stream.get());
  const auto refused = host.link().connect(soon(), 1024);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
}

TEST(AgentLink, IdleLinkDoesNotWakeUp) {
  Pair pair;
  UniqueFd host = must(pair.host->link().connect(soon(), 1024));
  UniqueFd guest = pair.guest->accept();
  ASSERT_TRUE(write_all(soon(), host.get(), "x").ok());
  EXPECT_EQ(read_text(guest.get(), 1), "x");
  pollfd nothing{guest.get(), POLLIN, 0};
  ::poll(&nothing, 1, 50);  // whatever follows from the byte is over
  const auto before = pair.host->link().counters().wakeups + pair.guest->link().counters().wakeups;
  EXPECT_EQ(::poll(&nothing, 1, 300), 0);
  EXPECT_EQ(pair.host->link().counters().wakeups + pair.guest->link().counters().wakeups, before);
}

TEST(AgentLink, BothDirectionsAtOnceLoseNothing) {
  Pair pair;
  UniqueFd host = must(pair.host->link().connect(soon(), 1024));
  UniqueFd guest = pair.guest->accept();
  const std::string up(16U << 20U, 'u');
  const std::string down(16U << 20U, 'd');
  const auto start = std::chrono::steady_clock::now();
  Thread w1("w1", [&] { EXPECT_TRUE(write_all(soon(), host.get(), down).ok()); });
  Thread w2("w2", [&] { EXPECT_TRUE(write_all(soon(), guest.get(), up).ok()); });
  Thread r1("r1", [&] { EXPECT_TRUE(read_text(guest.get(), down.size()) == down); });
  EXPECT_TRUE(read_text(host.get(), up.size()) == up);
  w1.join();
  w2.join();
  r1.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("mb_per_s", std::to_string(32.0 * 1.048576 / seconds));
}

}  // namespace
}  // namespace cove
