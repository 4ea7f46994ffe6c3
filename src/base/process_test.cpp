#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/testing/patience.h"

namespace cove {
namespace {

SpawnOptions shell(std::string script) {
  SpawnOptions options;
  options.argv = {"sh", "-c", std::move(script)};
  return options;
}

using testing::within;

TEST(Process, CapturesBothStreamsInputAndStatus) {
  const auto done = run_command({}, shell("cat; echo err >&2; exit 3"), "hello");
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->out, "hello");
  EXPECT_EQ(done->err, "err\n");
  EXPECT_EQ(done->status.code, 3);
  EXPECT_FALSE(done->status.success());
}

TEST(Process, MovesMegabytesThroughBothPipes) {
  const std::string big(4U << 20U, 'x');
  const auto done = run_command({}, shell("cat"), big);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out, big);
}

TEST(Process, AMissingProgramIsNotFoundAndNamed) {
  SpawnOptions options;
  options.argv = {"no-such-program-here"};
  const auto failed = Process::spawn(options);
  EXPECT_EQ(failed.error().code(), Code::kNotFound);
  EXPECT_NE(failed.error().message().find("no-such-program-here"), std::string::npos);
}

TEST(Process, ADeadlineKillsTheWholeGroup) {
  // The grandchild holds the pipe open: only a kill of the group ends the read.
  const auto start = std::chrono::steady_clock::now();
  const auto late = run_command(within(std::chrono::milliseconds(200)), shell("sleep 30 & sleep 30"));
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Process, TooMuchOutputIsAnErrorNotMemory) {
  const auto flood = run_command({}, shell("yes"), {}, 1U << 20U);
  EXPECT_EQ(flood.error().code(), Code::kResourceExhausted);
}

TEST(Process, TheChildHasExactlyItsDescriptors) {
  auto [read_end, write_end] = std::move(make_pipe()).value();
  SpawnOptions options = shell("ls /proc/self/fd | sort -n | tr '\\n' ' ' >&7");
  options.descriptors = {{7, write_end.get()}};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child.ok());
  write_end.reset();
  // 0, 1, 2 and 7, and the one ls itself opens.
  EXPECT_EQ(*read_to_end({}, read_end.get(), 1000), "0 1 2 3 7 ");
}

TEST(Process, DescriptorsThatCrossAreNotOverwritten) {
  auto [a_read, a_write] = std::move(make_pipe()).value();
  auto [b_read, b_write] = std::move(make_pipe()).value();
  SpawnOptions options =
      shell("echo a >&" + std::to_string(b_write.get()) + "; echo b >&" + std::to_string(a_write.get()));
  options.descriptors = {{b_write.get(), a_write.get()}, {a_write.get(), b_write.get()}};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child.ok());
  a_write.reset();
  b_write.reset();
  EXPECT_EQ(*read_to_end({}, a_read.get(), 100), "a\n");
  EXPECT_EQ(*read_to_end({}, b_read.get(), 100), "b\n");
}

TEST(Process, SmallHolesAreRefusedAndLargeOnesAreNot) {
  const auto folder = TempDir::create("/tmp", "cove-holes-").value();
  const std::string file = (folder.path() / "file").string();
  ASSERT_TRUE(write_file_atomic(file, std::string(std::size_t{1} << 20U, 'x')).ok());
  const auto before = *allocated_bytes(file);
  const auto punch = [&file](SpawnOptions::Holes holes, const char* length) {
    SpawnOptions options;
    options.argv = {"fallocate", "--punch-hole", "--offset", "131072", "--length", length, file};
    options.holes = holes;
    return run_command({}, options)->status.success();
  };
  EXPECT_FALSE(punch(SpawnOptions::Holes::kNoSmallOnes, "4096"));
  EXPECT_FALSE(punch(SpawnOptions::Holes::kNoSmallOnes, "65535"));
  EXPECT_EQ(*allocated_bytes(file), before);
  EXPECT_TRUE(punch(SpawnOptions::Holes::kNoSmallOnes, "65536"));
  EXPECT_LT(*allocated_bytes(file), before);
  EXPECT_TRUE(punch(SpawnOptions::Holes::kAny, "4096"));
}

TEST(Process, EndsWithItsOwnerAndTellsTheSignal) {
  int pid = 0;
  {
    auto child = Process::spawn(shell("sleep 100"));
    ASSERT_TRUE(child.ok());
    pid = child->pid();
    EXPECT_FALSE(child->try_wait().has_value());
  }
  EXPECT_EQ(::kill(pid, 0), -1) << "killed and reaped";
  auto child = Process::spawn(shell("kill -TERM $$"));
  const auto status = child->wait({});
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_EQ(status->shell_status(), 143);
}

TEST(Process, WaitGivesUpOnCancel) {
  auto child = Process::spawn(shell("sleep 100"));
  const CancelSource source;
  source.cancel();
  EXPECT_EQ(child->wait({source.token(), {}}).error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace cove
