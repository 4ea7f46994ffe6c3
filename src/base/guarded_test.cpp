#include "base/guarded.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/thread.h"

namespace cove {
namespace {

OpContext patient(const CancelToken& token) { return {token, Deadline::after(std::chrono::seconds(20))}; }

TEST(Guarded, AWaiterWithATokenIsWokenByAChange) {
  const CancelSource never;
  Guarded<int> value(0);
  int seen = 0;
  Thread waiter("waiter", [&] {
    const auto waited = value.wait(
        patient(never.token()), [](int& v) { return v == 1000; }, [&](int& v) { seen = v; });
    EXPECT_TRUE(waited.ok());
  });
  for (int i = 0; i < 1000; ++i) value.with([](int& v) { ++v; });
  waiter.join();
  EXPECT_EQ(seen, 1000);
}

TEST(Guarded, AWaiterIsWokenByItsCancelAndByNothingElse) {
  const CancelSource cancel;
  Guarded<int> value(0);
  std::atomic<int> looks{0};
  Result<void> waited;
  Thread waiter("waiter", [&] {
    waited = value.wait(patient(cancel.token()), [&](int&) {
      ++looks;
      return false;
    });
  });
  while (looks.load() == 0) std::this_thread::yield();
  const auto start = Deadline::Clock::now();
  while (Deadline::Clock::now() < start + std::chrono::milliseconds(300)) std::this_thread::yield();
  EXPECT_LE(looks.load(), 3) << "it must not look at it by a clock";
  cancel.cancel();
  waiter.join();
  EXPECT_EQ(waited.error().code(), Code::kCancelled);
}

TEST(Guarded, ManyWaitersOfOneValueEndOneAfterAnother) {
  const CancelSource never;
  Guarded<int> turn(0);
  std::vector<Thread> threads;
  threads.reserve(20);
  for (int mine = 0; mine < 20; ++mine) {
    threads.emplace_back("turn", [&, mine] {
      const auto ctx = mine % 2 == 0 ? patient(never.token()) : patient({});
      EXPECT_TRUE(turn.wait(
                          ctx, [&](int& now) { return now == mine; }, [](int& now) { ++now; })
                      .ok());
    });
  }
  threads.clear();
  EXPECT_EQ(turn.read([](const int& now) { return now; }), 20);
}

TEST(Guarded, TheDeadlineEndsAWaitWithAToken) {
  const CancelSource never;
  Guarded<int> value(0);
  const OpContext soon{never.token(), Deadline::after(std::chrono::milliseconds(20))};
  EXPECT_EQ(value.wait(soon, [](int&) { return false; }).error().code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace cove
