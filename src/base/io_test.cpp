#include "base/io.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/testing/patience.h"
#include "base/thread.h"
#include "base/unix_socket.h"

namespace cove {
namespace {

using testing::within;

TEST(Io, ReadExactTellsAnEarlyEnd) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  ASSERT_TRUE(write_all({}, a.get(), "abc").ok());
  a.reset();
  char buffer[4];
  EXPECT_EQ(read_exact({}, b.get(), buffer).error().code(), Code::kUnavailable);
}

TEST(Io, ReadAndWriteObeyDeadlineAndCancel) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  char buffer[1];
  EXPECT_EQ(read_some(within(std::chrono::milliseconds(10)), b.get(), buffer).error().code(),
            Code::kDeadlineExceeded);
  const std::string flood(16U << 20U, 'x');
  EXPECT_EQ(write_all(within(std::chrono::milliseconds(50)), a.get(), flood).error().code(),
            Code::kDeadlineExceeded);
  const CancelSource source;
  Thread canceller("canceller", [&] { source.cancel(); });
  auto [c, d] = std::move(make_socketpair(SOCK_STREAM)).value();
  EXPECT_EQ(read_some({source.token(), {}}, d.get(), buffer).error().code(), Code::kCancelled);
}

TEST(Io, WritingToAClosedPeerIsAnErrorNotASignal) {
  auto [a, b] = std::move(make_socketpair(SOCK_STREAM)).value();
  b.reset();
  EXPECT_EQ(write_all({}, a.get(), "x").error().code(), Code::kUnavailable);
}

TEST(UnixSocket, WorksBelowAPathFarLongerThanTheKernelTakes) {
  const TempDir temp = std::move(TempDir::create("/tmp", "cove-sock-")).value();
  std::filesystem::path deep = temp.path();
  for (int i = 0; i < 10; ++i) deep /= std::string(40, 'd');
  ASSERT_TRUE(make_directories(deep).ok());
  auto listener = listen_unix(deep / "control.sock", 4);
  ASSERT_TRUE(listener.ok()) << listener.error().message();
  struct stat status {};
  ASSERT_EQ(::stat((deep / "control.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(list_directory(deep)->size(), 1U) << "no temporary name is left";
  const auto client = connect_unix(within(std::chrono::seconds(5)), deep / "control.sock");
  ASSERT_TRUE(client.ok()) << client.error().message();
  EXPECT_EQ(*peer_uid(client->get()), ::getuid());
}

TEST(UnixSocket, ToldApartNobodyThereAndNobodyListening) {
  const TempDir temp = std::move(TempDir::create("/tmp", "cove-sock-")).value();
  EXPECT_EQ(connect_unix({}, temp.path() / "s").error().code(), Code::kNotFound);
  { const auto listener = listen_unix(temp.path() / "s", 1); }
  EXPECT_EQ(connect_unix({}, temp.path() / "s").error().code(), Code::kUnavailable);
}

TEST(Clock, TimesRoundTripInUtc) {
  const auto when = parse_rfc3339("2026-04-19T12:34:56Z");
  ASSERT_TRUE(when.ok());
  EXPECT_EQ(format_rfc3339(*when), "2026-04-19T12:34:56Z");
  EXPECT_EQ(*parse_rfc3339("2026-04-19T12:34:56.789Z"), *when);
  for (const auto* bad : {"", "2026-04-19", "2026-04-19T12:34:56", "2026-04-19T12:34:56+02:00", "soon"}) {
    EXPECT_FALSE(parse_rfc3339(bad).ok()) << bad;
  }
}

TEST(Clock, SleepEndsEarlyOnCancel) {
  SystemClock clock;
  const CancelSource source;
  Thread canceller("canceller", [&] { source.cancel(); });
  EXPECT_EQ(clock.sleep({source.token(), {}}, std::chrono::hours(1)).error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace cove
