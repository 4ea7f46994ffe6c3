#include "net/frame_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/io.h"

namespace cove {
namespace {

FrameView view(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A pair as the channel gets it, and the end QEMU would have inherited.
struct Qemu {
  FramePair pair;
  UniqueFd end;
};

Qemu start_qemu() {
  auto pair = make_frame_pair();
  auto end = duplicate(pair->qemu.get());
  return {std::move(*pair), std::move(*end)};
}

std::vector<std::string> read_all(int fd) {
  std::vector<std::string> frames;
  std::string buffer(FrameChannel::kMaxFrameBytes + 1, '\0');
  for (ssize_t n = 0; (n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) >= 0;) {
    frames.emplace_back(buffer.data(), static_cast<std::size_t>(n));
  }
  return frames;
}

struct Collector {
  std::vector<std::string> frames;
  FrameSink sink() {
    return [this](FrameView frame) {
      frames.emplace_back(reinterpret_cast<const char*>(frame.data()), frame.size());
    };
  }
};

std::vector<std::string> numbered(const std::string& prefix, int count) {
  std::vector<std::string> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; i++) all.push_back(prefix + std::to_string(i));
  return all;
}

TEST(FrameChannel, PassesFramesBothWays) {
  FrameChannel channel({});
  Qemu qemu = start_qemu();
  channel.attach(std::move(qemu.pair));
  channel.send(view("hello guest"));
  const std::string large(65520 + 14, 'x');
  channel.send(view(large));
  EXPECT_EQ(read_all(qemu.end.get()), (std::vector<std::string>{"hello guest", large}));

  ASSERT_EQ(::send(qemu.end.get(), "hello host", 10, 0), 10);
  ASSERT_EQ(::send(qemu.end.get(), large.data(), large.size(), 0), static_cast<ssize_t>(large.size()));
  Collector got;
  EXPECT_EQ(channel.receive(got.sink()), 2U);
  EXPECT_EQ(channel.receive(got.sink()), 0U);
  EXPECT_EQ(got.frames, (std::vector<std::string>{"hello host", large}));
  EXPECT_EQ(channel.counters().frames_out, 2U);
  EXPECT_EQ(channel.counters().bytes_in, 10 + large.size());
}

TEST(FrameChannel, KeepsWhatAnUnreadSocketDoesNotTakeAndDeliversItInOrder) {
  FrameChannel channel({.frames = 400, .bytes = 64 << 20});
  Qemu qemu = start_qemu();
  channel.attach(std::move(qemu.pair));
  // Large frames, so that the socket is full long before the queue is.
  std::vector<std::string> sent;
  for (int i = 0; i < 400; i++) {
    sent.push_back(std::to_string(i) + ":" + std::string(60'000, 'x'));
    channel.send(view(sent.back()));
  }
  EXPECT_TRUE(channel.wants_write());
  EXPECT_GT(channel.counters().queued_frames, 100U);
  EXPECT_EQ(channel.counters().dropped_out, 0U);
  std::vector<std::string> got;
  while (got.size() < sent.size()) {
    const auto more = read_all(qemu.end.get());
    ASSERT_FALSE(more.empty());
    got.insert(got.end(), more.begin(), more.end());
    channel.flush();
  }
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(channel.wants_write());
  EXPECT_EQ(channel.counters().frames_out, 400U);
  EXPECT_EQ(channel.counters().queued_bytes, 0U);
}

TEST(FrameChannel, DropsTheNewestAtEitherLimitAndCountsIt) {
  FrameChannel by_count({.frames = 3, .bytes = 1 << 20});
  FrameChannel by_bytes({.frames = 100, .bytes = 30});
  for (FrameChannel* channel : {&by_count, &by_bytes}) {
    Qemu qemu = start_qemu();
    channel->attach(std::move(qemu.pair));
    channel->close_gate();
    for (int i = 0; i < 5; i++) channel->send(view("0123456789"));
    EXPECT_EQ(channel->counters().queued_frames, 3U);
    EXPECT_EQ(channel->counters().dropped_out, 2U);
    channel->open_gate();
    EXPECT_EQ(read_all(qemu.end.get()).size(), 3U);
  }
}

TEST(FrameChannel, RefusesFramesLongerThanAnyOfOurs) {
  FrameChannel channel({});
  Qemu qemu = start_qemu();
  channel.attach(std::move(qemu.pair));
  const std::string monster(FrameChannel::kMaxFrameBytes + 1, 'x');
  ASSERT_GT(::send(qemu.end.get(), monster.data(), monster.size(), 0), 0);
  const std::string largest(FrameChannel::kMaxFrameBytes, 'y');
  ASSERT_GT(::send(qemu.end.get(), largest.data(), largest.size(), 0), 0);
  Collector got;
  EXPECT_EQ(channel.receive(got.sink()), 2U);
  EXPECT_EQ(got.frames, std::vector<std::string>{largest});
  EXPECT_EQ(channel.counters().dropped_in, 1U);
}

TEST(FrameChannel, SwapCarriesFramesOfBothOldEndsInOrder) {
  FrameChannel channel({});
  Qemu a = start_qemu();
  Qemu b = start_qemu();
  channel.attach(std::move(a.pair));
  for (const auto& frame : numbered("unread", 30)) channel.send(view(frame));
  for (const auto& frame : numbered("up", 40)) {
    ASSERT_GT(::send(a.end.get(), frame.data(), frame.size(), 0), 0);
  }
  channel.close_gate();
  for (const auto& frame : numbered("gated", 5)) channel.send(view(frame));

  // What the stack answers while the old pair is drained belongs behind all that.
  Collector got;
  const FrameSink answering = [&](FrameView frame) {
    got.sink()(frame);
    if (got.frames.size() == 1) channel.send(view("answer"));
  };
  ASSERT_TRUE(channel.swap(std::move(b.pair), answering).ok());
  EXPECT_EQ(got.frames, numbered("up", 40));
  EXPECT_TRUE(read_all(b.end.get()).empty()) << "the gate is still closed";
  EXPECT_TRUE(read_all(a.end.get()).empty());
  EXPECT_EQ(channel.counters().queued_frames, 36U);

  channel.open_gate();
  std::vector<std::string> expected = numbered("unread", 30);
  for (const auto& frame : numbered("gated", 5)) expected.push_back(frame);
  expected.emplace_back("answer");
  EXPECT_EQ(read_all(b.end.get()), expected);
  EXPECT_EQ(channel.counters().carried_out, 30U);
  EXPECT_EQ(channel.counters().carried_in, 40U);
  EXPECT_EQ(channel.counters().frames_out, 36U);
  EXPECT_EQ(channel.counters().dropped_out, 0U);
  // The old process can reach nobody any more.
  EXPECT_LT(::send(a.end.get(), "late", 4, MSG_DONTWAIT | MSG_NOSIGNAL), 0);
}

TEST(FrameChannel, SwapNeedsAClosedGate) {
  FrameChannel channel({});
  Qemu a = start_qemu();
  Qemu b = start_qemu();
  channel.attach(std::move(a.pair));
  channel.send(view("stays"));
  const auto swapped = channel.swap(std::move(b.pair), [](FrameView) {});
  ASSERT_FALSE(swapped.ok());
  EXPECT_EQ(swapped.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(read_all(a.end.get()), std::vector<std::string>{"stays"});
}

TEST(FrameChannel, WithoutQemuFramesAreDropped) {
  FrameChannel channel({});
  channel.send(view("nobody"));
  EXPECT_EQ(channel.counters().dropped_out, 1U);
  EXPECT_EQ(channel.fd(), -1);
  EXPECT_EQ(channel.receive([](FrameView) {}), 0U);
  Qemu qemu = start_qemu();
  channel.attach(std::move(qemu.pair));
  channel.close_gate();
  channel.send(view("waits"));
  channel.detach();
  EXPECT_EQ(channel.counters().queued_frames, 0U);
  EXPECT_EQ(channel.counters().dropped_out, 2U);
}

}  // namespace
}  // namespace cove
