#include "supervisor/console_hub.h"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
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
  // Returns once the hub has it.
  void type(int client, std::string_view text) {
    ASSERT_TRUE(write_all(patient(), client, text).ok());
    for (int left = 1; left > 0;) {
      relay_.do_on_loop([] {});
      ASSERT_EQ(::ioctl(client, SIOCOUTQ, &left), 0);
    }
    relay_.do_on_loop([] {});
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

TEST_F(ConsoleHubTest, MovesToAnotherEngineWithNothingLostOrDoubled) {
  const UniqueFd client = reader(0);
  print("one ");
  type(client.get(), "typed");
  hub_->hold();
  ASSERT_TRUE(write_all(patient(), guest_.get(), "two ").ok());
  type(client.get(), " while held");
  relay_.do_on_loop([] {});
  EXPECT_EQ(hub_->position(0), printed_) << "held";
  // The guest has read "ty"; the rest is taken back.
  EXPECT_EQ(read(guest_.get(), 2), "ty");
  const std::string unread = take_unread(guest_.get());
  EXPECT_EQ(unread, "ped");

  auto [hubs, engine] = make_socketpair(SOCK_STREAM).value();
  hub_->move_to(std::move(hubs), unread);
  EXPECT_EQ(read(engine.get(), 14), "ped while held");
  EXPECT_EQ(hub_->position(0), 8U) << "what the old engine had sent is taken in when it returns";
  EXPECT_LT(::send(guest_.get(), "late", 4, MSG_NOSIGNAL), 0) << "nobody hears the old engine";
  printed_ = 8;
  guest_ = std::move(engine);
  print("three");
  type(client.get(), "!");
  EXPECT_EQ(read(guest_.get(), 1), "!");
  EXPECT_EQ(read(client.get(), 13), "one two three");
  EXPECT_EQ(read_file(folder_.path() / "serial.log").value(), "one two three");
  EXPECT_EQ(relay_.do_on_loop([this] { return spoke_; }), 1);
}

TEST_F(ConsoleHubTest, GoesOnWithTheSameEngine) {
  const UniqueFd client = reader(0);
  type(client.get(), "typed");
  hub_->hold();
  type(client.get(), " while held");
  const std::string unread = take_unread(guest_.get());
  EXPECT_EQ(unread, "typed");
  ASSERT_TRUE(write_all(patient(), guest_.get(), "said").ok());
  hub_->go_on(unread);
  EXPECT_EQ(read(guest_.get(), 16), "typed while held");
  EXPECT_EQ(read(client.get(), 4), "said");
}

TEST_F(ConsoleHubTest, MovesWithBothSocketsFull) {
  const UniqueFd client = reader(0);
  // Typed until no more goes in, and then some that waits in the hub.
  std::string typed;
  while (typed.size() < (std::size_t{16} << 20U)) {
    const std::string chunk(1000, static_cast<char>('a' + typed.size() / 1000 % 26));
    type(client.get(), chunk);
    typed += chunk;
    int waiting = 0;
    ASSERT_EQ(::ioctl(guest_.get(), FIONREAD, &waiting), 0);
    if (typed.size() > static_cast<std::size_t>(waiting) + 20'000) break;
  }
  hub_->hold();
  ASSERT_TRUE(set_nonblocking(guest_.get()).ok());
  std::string said;
  for (;;) {
    const std::string chunk(1000, static_cast<char>('A' + said.size() % 26));
    const ssize_t count = ::send(guest_.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (count <= 0) break;
    said += chunk.substr(0, static_cast<std::size_t>(count));
  }
  const std::string unread = take_unread(guest_.get());
  EXPECT_GT(unread.size(), 50'000U);
  auto [hubs, engine] = make_socketpair(SOCK_STREAM).value();
  hub_->move_to(std::move(hubs), unread);
  EXPECT_TRUE(read(engine.get(), typed.size()) == typed);
  EXPECT_TRUE(read_file(folder_.path() / "serial.log").value() == said);
  EXPECT_TRUE(read(client.get(), said.size()) == said);
}

TEST_F(ConsoleHubTest, AnotherMachineEndsAHold) {
  hub_->hold();
  auto [hubs, guest] = make_socketpair(SOCK_STREAM).value();
  hub_->attach_guest(std::move(hubs));
  guest_ = std::move(guest);
  print("anew");
  EXPECT_EQ(relay_.do_on_loop([this] { return spoke_; }), 1);
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
