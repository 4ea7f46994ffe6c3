#include "supervisor/console_hub.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/files.h"
#include "base/io.h"
#include "base/loop_thread.h"
#include "base/testing/patience.h"

namespace cove {
namespace {

using testing::patient;

class ConsoleHubTest : public ::testing::Test {
 protected:
  ConsoleHubTest() {
    auto [ours, hubs] = make_socketpair(SOCK_STREAM).value();
    guest_ = std::move(ours);
    hub_ = relay_.do_on_loop([this] {
      return ConsoleHub::create(relay_.loop(), folder_.path() / "serial.log",
                                {.on_first_output = [this] { ++spoke_; }})
          .value();
    });
    hub_->attach_guest(std::move(hubs));
  }
  ~ConsoleHubTest() override {
    relay_.do_on_loop([this] { hub_.reset(); });
  }
  // Returns once the hub has it.
  void print(const std::string& text) {
    printed_ += text.size();
    ASSERT_TRUE(write_all(patient(), guest_.get(), text).ok());
    while (hub_->position(0) < printed_) relay_.do_on_loop([] {});
  }
  UniqueFd reader(std::uint64_t from) {
    auto [ours, hubs] = make_socketpair(SOCK_STREAM).value();
    hub_->add_reader({std::move(hubs), ""}, from);
    relay_.do_on_loop([] {});
    return std::move(ours);
  }
  static std::string read(int fd, std::size_t bytes) {
    std::string text(bytes, '\0');
    const auto done = read_exact(patient(), fd, text);
    return done.ok() ? text : done.error().message();
  }

  TempDir folder_ = TempDir::create("/tmp", "console-hub-test").value();
  LoopThread relay_;
  UniqueFd guest_;
  std::uint64_t printed_ = 0;
  int spoke_ = 0;
  std::unique_ptr<ConsoleHub> hub_;
};

TEST_F(ConsoleHubTest, AReaderMissesNothingFromItsPositionOn) {
  print("before");
  const std::uint64_t here = hub_->position(0);
  const std::uint64_t two_back = hub_->position(2);
  const std::uint64_t beginning = hub_->position(1U << 20U);
  print("between");  // after the client was told, before it is registered
  const UniqueFd live = reader(here);
  const UniqueFd replayed = reader(two_back);
  const UniqueFd all = reader(beginning);
  print("after");
  EXPECT_EQ(read(live.get(), 12), "betweenafter");
  EXPECT_EQ(read(replayed.get(), 14), "rebetweenafter");
  EXPECT_EQ(read(all.get(), 18), "beforebetweenafter");
  EXPECT_EQ(read_file(folder_.path() / "serial.log").value(), "beforebetweenafter");
  EXPECT_EQ(relay_.do_on_loop([this] { return spoke_; }), 1);
}

TEST_F(ConsoleHubTest, AReaderThatDoesNotReadHoldsUpNobodyAndIsToldWhatItMissed) {
  const UniqueFd slow = reader(0);
  const UniqueFd quick = reader(0);
  const std::string block(16384, 'x');
  constexpr int kBlocks = 64;  // 1 MiB: more than its socket and its queue hold
  for (int i = 0; i < kBlocks; ++i) {
    print(block);
    ASSERT_EQ(read(quick.get(), block.size()), block);
  }
  std::string got;
  char chunk[65536];
  while (got.find("bytes skipped]") == std::string::npos) {
    const auto count = read_some(testing::within(std::chrono::milliseconds(50)), slow.get(), chunk);
    if (count.ok()) got.append(chunk, *count);
    if (!count.ok()) print(".");  // the note comes with the next output that fits
  }
  EXPECT_LT(got.size(), block.size() * kBlocks);
}

TEST_F(ConsoleHubTest, EveryReaderTypesAndTheTailHasPlainLines) {
  const UniqueFd one = reader(0);
  const UniqueFd two = reader(0);
  ASSERT_TRUE(write_all(patient(), one.get(), "ab").ok());
  EXPECT_EQ(read(guest_.get(), 2), "ab");
  ASSERT_TRUE(write_all(patient(), two.get(), "cd").ok());
  EXPECT_EQ(read(guest_.get(), 2), "cd");
  print("first\r\n\x1b[31msecond\x1b[0m\r\nthird");
  EXPECT_EQ(hub_->last_lines(2), (std::vector<std::string>{"second", "third"}));
}

TEST(ConsoleLog, IsRotatedAtItsSize) {
  const TempDir folder = TempDir::create("/tmp", "console-log-test").value();
  auto log = ConsoleLog::open(folder.path() / "serial.log").value();
  const std::string block(1U << 20U, 'y');
  for (int i = 0; i < 6; ++i) log.append(block);
  EXPECT_LE(read_file(folder.path() / "serial.log")->size(), ConsoleLog::kMaxBytes);
  EXPECT_GE(read_file(folder.path() / "serial.log.1")->size(), ConsoleLog::kMaxBytes - block.size());
  EXPECT_EQ(log.lost_bytes(), 0U);
}

}  // namespace
}  // namespace cove
