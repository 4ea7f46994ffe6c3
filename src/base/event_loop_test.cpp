#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/guarded.h"
#include "base/thread.h"

namespace cove {
namespace {

using std::chrono::milliseconds;

class EventLoopTest : public ::testing::Test {
 protected:
  void run_until(const bool& done) {
    const Deadline limit = Deadline::after(std::chrono::seconds(10));
    while (!done && !limit.expired()) loop_->run_one(milliseconds(100));
    EXPECT_TRUE(done);
  }
  std::unique_ptr<EventLoop> loop_ = make_event_loop();
};

TEST_F(EventLoopTest, AWatchFiresAgainWhileBytesAreLeft) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  ASSERT_TRUE(write_all({}, a.get(), "abc").ok());
  std::string got;
  bool done = false;
  const Registration watch = loop_->watch(b.get(), Ready::kRead, [&, fd = b.get()] {
    char c = 0;
    ASSERT_EQ(::read(fd, &c, 1), 1);
    got += c;
    done = got == "abc";
  });
  run_until(done);
}

TEST_F(EventLoopTest, TwoWatchesOnOneDescriptor) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  ASSERT_TRUE(write_all({}, a.get(), "x").ok());
  bool readable = false;
  bool writable = false;
  Registration read_watch = loop_->watch(b.get(), Ready::kRead, [&] { readable = true; });
  Registration write_watch = loop_->watch(b.get(), Ready::kWrite, [&] { writable = true; });
  run_until(readable);
  run_until(writable);
}

TEST_F(EventLoopTest, ADroppedRegistrationNeverRuns) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  ASSERT_TRUE(write_all({}, a.get(), "x").ok());
  int runs = 0;
  Registration watch;
  watch = loop_->watch(b.get(), Ready::kRead, [&] {
    ++runs;
    watch.reset();  // from inside its own callback
  });
  Registration timer = loop_->after(milliseconds(1), [&] { runs += 100; });
  timer.reset();
  bool done = false;
  const Registration end = loop_->after(milliseconds(50), [&] { done = true; });
  run_until(done);
  EXPECT_EQ(runs, 1);
}

TEST_F(EventLoopTest, TimersRunInOrder) {
  std::string order;
  bool done = false;
  const Registration second = loop_->after(milliseconds(30), [&] { order += "2", done = true; });
  const Registration first = loop_->after(milliseconds(5), [&] { order += "1"; });
  run_until(done);
  EXPECT_EQ(order, "12");
}

TEST_F(EventLoopTest, PostComesFromAnyThreadInOrder) {
  std::vector<int> got;
  Thread loop_thread("loop", [&] { loop_->run(); });
  for (int i = 0; i < 1000; ++i) loop_->post([&got, i] { got.push_back(i); });
  Guarded<bool> inside{false};
  loop_->post([&] {
    inside.with([&](bool& value) { value = loop_->in_loop_thread(); });
    loop_->stop();
  });
  loop_thread.join();
  EXPECT_EQ(got.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
  EXPECT_TRUE(inside.read([](bool value) { return value; }));
  EXPECT_FALSE(loop_->in_loop_thread());
}

TEST(Mailbox, HandsOverInOrderWaitsForRoomAndEnds) {
  Mailbox<int> mailbox(2);
  std::vector<int> got;
  Thread taker("taker", [&] {
    for (;;) {
      auto item = mailbox.take({});
      if (!item.ok() || !item->has_value()) return;
      got.push_back(**item);
    }
  });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(mailbox.put({}, i).ok());
  mailbox.close();
  taker.join();
  EXPECT_EQ(got.size(), 100U);
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
  EXPECT_EQ(mailbox.put({}, 1).error().code(), Code::kUnavailable);
}

TEST(Guarded, WaitEndsOnDeadlineAndCancel) {
  Guarded<int> value{0};
  const auto never = [](int) { return false; };
  EXPECT_EQ(value.wait({{}, Deadline::after(milliseconds(20))}, never).error().code(),
            Code::kDeadlineExceeded);
  const CancelSource source;
  Thread canceller("canceller", [&] { source.cancel(); });
  EXPECT_EQ(value.wait({source.token(), {}}, never).error().code(), Code::kCancelled);
}

TEST(EventLoop, StoppedBeforeItRunsItReturnsAtOnceAndCanRunAgain) {
  auto loop = make_event_loop();
  loop->stop();
  loop->run();
  bool ran = false;
  loop->post([&] {
    ran = true;
    loop->stop();
  });
  loop->run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace cove
