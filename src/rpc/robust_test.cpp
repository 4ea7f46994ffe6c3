// What happens when a peer misbehaves or dies: every call ends, nothing hangs, nothing leaks.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <future>
#include <random>

#include "base/guarded.h"
#include "base/testing/patience.h"
#include "proto/agent.pb.h"
#include "rpc/testing/loopback.h"

namespace cove::rpc {
namespace {

using testing::Loopback;
using vz::agent::v1::ReadFileRequest;
using vz::agent::v1::ReadFileResponse;

using cove::testing::patient;

Handlers mirror_handlers() {
  Handlers handlers;
  handlers.stream("/t.T/Mirror", [](const OpContext& ctx, ServerStream& call) -> Result<void> {
    while (auto message = COVE_TRY(call.read_raw(ctx))) COVE_TRY(call.write_raw(ctx, *std::move(message)));
    return {};
  });
  handlers.stream("/t.T/Hang", [](const OpContext& ctx, ServerStream&) -> Result<void> {
    return wait_ready(ctx, ctx.cancel.fd(), Ready::kRead);
  });
  return handlers;
}

// Carries bytes between two descriptors until `budget` of them passed in either direction, then cuts both.
void relay_until_cut(int a, int b, std::size_t budget) {
  std::vector<char> buffer(1 << 16);
  pollfd polls[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  while (budget > 0) {
    if (::poll(polls, 2, 30'000) <= 0) break;
    for (int i = 0; i < 2; i++) {
      if (polls[i].revents == 0) continue;
      const auto got = read_some({}, polls[i].fd, {buffer.data(), std::min(buffer.size(), budget)});
      if (!got.ok() || *got == 0) return;
      budget -= *got;
      if (!write_all({}, polls[1 - i].fd, {buffer.data(), *got}).ok()) return;
    }
  }
}

// One life: client and server with a relay between them that dies after `budget` bytes, at any place of any
// frame.
void live_and_die(std::size_t budget) {
  const Handlers handlers = mirror_handlers();
  auto [client, client_far] = make_socketpair(SOCK_STREAM).value();
  auto [server, server_far] = make_socketpair(SOCK_STREAM).value();
  Thread serving("serving",
                 [&, fd = server.release()] { static_cast<void>(serve({}, UniqueFd(fd), handlers)); });
  Thread relay("relay", [&, a = client_far.release(), b = server_far.release()] {
    const UniqueFd near(a), far(b);
    relay_until_cut(a, b, budget);
  });
  auto channel = Channel::create(std::move(client), {}).value();
  Thread unary("unary", [&] {
    ReadFileRequest request;
    ReadFileResponse reply;
    const auto ended = channel->call(patient(), "/t.T/Hang", request, reply);
    EXPECT_EQ(ended.error().code(), Code::kUnavailable) << ended.error().message();
  });
  if (auto stream = channel->open(patient(), "/t.T/Mirror"); stream.ok()) {
    Thread writer("writer", [&] {
      while ((*stream)->write_raw(patient(), std::string(3000, 'x')).ok()) continue;
    });
    auto got = (*stream)->read_raw(patient());
    while (got.ok() && got->has_value()) got = (*stream)->read_raw(patient());
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code(), Code::kUnavailable) << got.error().message();
  } else {
    EXPECT_EQ(stream.error().code(), Code::kUnavailable);
  }
  unary.join();
  EXPECT_FALSE(channel->usable());
}

TEST(Robust, EndsEveryCallWhenThePeerDiesAtAnyByte) {
  std::mt19937 random(20260423);
  for (std::size_t budget = 1; budget < 200; budget += 11) live_and_die(budget);
  for (int i = 0; i < 30; i++) live_and_die(random() % 60'000 + 1);
}

TEST(Robust, CallsOnAClosedPeerFail) {
  auto [client, server] = make_socketpair(SOCK_STREAM).value();
  auto channel = Channel::create(std::move(client), {}).value();
  server.reset();
  ReadFileRequest request;
  ReadFileResponse reply;
  EXPECT_EQ(channel->call(patient(), "/t.T/X", request, reply).error().code(), Code::kUnavailable);
  EXPECT_EQ(channel->call(patient(), "/t.T/X", request, reply).error().code(), Code::kUnavailable);
}

TEST(Robust, PeerThatIsNoServerEndsTheCalls) {
  auto [client, server] = make_socketpair(SOCK_STREAM).value();
  auto channel = Channel::create(std::move(client), {}).value();
  write_all({}, server.get(), "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n and much more of that kind").value();
  ReadFileRequest request;
  ReadFileResponse reply;
  EXPECT_EQ(channel->call(patient(), "/t.T/X", request, reply).error().code(), Code::kUnavailable);
}

TEST(Robust, StreamsOutliveTheirChannel) {
  const Handlers handlers = mirror_handlers();
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Mirror").value();
  auto early = loop.channel().open(patient(), "/t.T/Hang").value();
  std::promise<Code> ended;
  Thread reader("reader", [&] { ended.set_value(early->read_raw(patient()).error().code()); });
  EXPECT_TRUE(loop.close().ok());
  EXPECT_EQ(ended.get_future().get(), Code::kUnavailable);
  EXPECT_EQ(stream->write_raw(patient(), "x").error().code(), Code::kUnavailable);
  EXPECT_EQ(stream->read_raw(patient()).error().code(), Code::kUnavailable);
  stream->cancel();
}

TEST(Robust, StoppingTheServerEndsItsHandlers) {
  const Handlers handlers = mirror_handlers();
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Hang").value();
  loop.stop_server();
  EXPECT_EQ(stream->read_raw(patient()).error().code(), Code::kUnavailable);
  EXPECT_EQ(loop.close().error().code(), Code::kCancelled);
}

TEST(Robust, DroppedStreamsAreCancelled) {
  Handlers handlers;
  std::promise<void> cancelled;
  handlers.stream("/t.T/Hang", [&](const OpContext& ctx, ServerStream& call) -> Result<void> {
    COVE_TRY(call.write_raw(ctx, "here"));
    auto ended = wait_ready(ctx, ctx.cancel.fd(), Ready::kRead);
    cancelled.set_value();
    return ended;
  });
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Hang").value();
  EXPECT_EQ(stream->read_raw(patient()).value().value_or(""), "here");
  stream.reset();
  cancelled.get_future().wait();
}

// More calls than the server allows at once wait for their turn instead of failing.
TEST(Robust, CallsBeyondTheLimitWait) {
  struct Gate {
    int running = 0;
    int most = 0;
    bool open = false;
  };
  Guarded<Gate> gate;
  Handlers handlers;
  handlers.unary<ReadFileRequest, ReadFileResponse>(
      "/t.T/Gate", [&](const OpContext& ctx, const ReadFileRequest&, ReadFileResponse&) -> Result<void> {
        gate.with([](Gate& g) { g.most = std::max(g.most, ++g.running); });
        COVE_TRY(gate.wait(ctx, [](Gate& g) { return g.open; }));
        gate.with([](Gate& g) { g.running--; });
        return {};
      });
  ServerOptions options;
  options.limits.max_streams = 4;
  Loopback loop(handlers, {}, options);
  ReadFileRequest request;
  std::vector<Thread> callers;
  callers.reserve(20);
  for (int i = 0; i < 20; i++)
    callers.emplace_back("caller", [&] {
      ReadFileResponse reply;
      const auto done = loop.channel().call(patient(), "/t.T/Gate", request, reply);
      EXPECT_TRUE(done.ok()) << done.error().message();
    });
  gate.wait(patient(), [](Gate& g) { return g.running == 4; }).value();
  gate.with([](Gate& g) { g.open = true; });
  callers.clear();
  EXPECT_EQ(gate.read([](const Gate& g) { return g.most; }), 4);
}

// Opening and cancelling without pause must not pile up threads or calls at the server: it refuses calls
// while too many that were given up still have a thread, and is itself again once they have noticed.
TEST(Robust, OpenAndCancelStorm) {
  const Handlers handlers = mirror_handlers();
  Loopback loop(handlers);
  for (int i = 0; i < 900; i++) loop.channel().open(patient(), "/t.T/Hang").value()->cancel();
  const OpContext limit = patient();
  for (;;) {
    ASSERT_TRUE(limit.check().ok());
    auto stream = loop.channel().open(limit, "/t.T/Mirror").value();
    stream->close_send();
    const auto end = stream->read_raw(limit);
    if (end.ok()) break;
    ASSERT_EQ(end.error().message(), "the peer reset the call: REFUSED_STREAM");
  }
}

}  // namespace
}  // namespace cove::rpc
