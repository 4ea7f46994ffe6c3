// Copies between a host and the agent behind its link.
#include "agent/tree_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/process.h"
#include "rpc/channel.h"
#include "tests/agent/fake_agent.h"

namespace cove {
namespace {

using Realm = GuestAgentClient::Realm;

class TreeCopyTest : public ::testing::Test {
 protected:
  TreeCopyTest()
      : channel_(std::move(connect_through(agent_.channel())(soon(), Realm::kUser)).value()),
        copy_(*channel_, Realm::kUser) {}

  static OpContext soon() { return {{}, Deadline::after(std::chrono::seconds(60))}; }
  std::filesystem::path path(const std::string& name) const { return temp_.path() / name; }
  std::string shell(const std::string& script) const {
    SpawnOptions options;
    options.argv = {"sh", "-ec", script};
    options.working_directory = temp_.path().string();
    const auto done = run_command({}, options);
    EXPECT_TRUE(done.ok() && done->status.success()) << (done.ok() ? done->err : done.error().message());
    return done.ok() ? done->out : std::string();
  }

  testing::FakeAgent agent_;
  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-copy-")).value();
  std::shared_ptr<rpc::Channel> channel_;
  TreeCopy copy_;
};

TEST_F(TreeCopyTest, ThereAndBackIsTheSame) {
  shell(
      "mkdir -p src/a guest back; head -c 5000000 /dev/urandom > src/a/big; ln -s a/big src/link; chmod 711 "
      "src/a; "
      "for i in $(seq 500); do echo $i > src/$i; done");
  std::uint64_t seen = 0;
  const auto put = copy_.put(soon(), {{path("src"), "src"}}, path("guest"), TreeInto::kDirectory,
                             [&](std::uint64_t bytes) { seen = bytes; });
  ASSERT_TRUE(put.ok()) << put.error().message();
  EXPECT_EQ(put->files, 501U);
  EXPECT_EQ(put->symlinks, 1U);
  EXPECT_EQ(seen, put->bytes);
  const auto got = copy_.get(soon(), path("guest/src"), path("back"), TreeInto::kNameOrDirectory, {});
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(got->bytes, put->bytes);
  EXPECT_EQ(shell("diff -r src back/src && stat -c '%a %Y' src/a back/src/a | uniq | wc -l"), "1\n");
}

// Names and targets are bytes to Linux, whatever they mean to anyone.
TEST_F(TreeCopyTest, NamesNeedNotBeText) {
  shell("mkdir src guest back; n=$(printf 'n\\377'); echo hi > \"src/$n\"; ln -s \"$n\" \"src/l$n\"");
  const std::string name = "src\xfe";
  const auto put = copy_.put(soon(), {{path("src"), name}}, path("guest"), TreeInto::kDirectory, {});
  ASSERT_TRUE(put.ok()) << put.error().message();
  const auto got = copy_.get(soon(), path("guest/" + name), path("back"), TreeInto::kNameOrDirectory, {});
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(shell("diff -r src back/* && cat back/*/l*"), "hi\n");
}

TEST_F(TreeCopyTest, StreamsBothWays) {
  shell("head -c 1000000 /dev/urandom > in; mkdir guest");
  const auto in = open_file(path("in"), O_RDONLY);
  ASSERT_TRUE(copy_.put_stream(soon(), in->get(), path("guest/f"), {}).ok());
  const auto out = open_file(path("out"), O_WRONLY | O_CREAT, 0600);
  ASSERT_TRUE(copy_.get_stream(soon(), path("guest/f"), out->get(), {}).ok());
  shell("cmp in out");
}

TEST_F(TreeCopyTest, TheGuestsReasonReachesTheCaller) {
  shell("echo 1 > f; mkdir guest");
  const auto missing =
      copy_.put(soon(), {{path("f"), "f"}}, path("none/deep/f"), TreeInto::kNameOrDirectory, {});
  EXPECT_EQ(missing.error().code(), Code::kNotFound) << missing.error().message();
  // What cannot be read is named, and hinders nothing else.
  const auto nothing = copy_.get(soon(), path("nothing"), path("back"), TreeInto::kNameOrDirectory, {});
  ASSERT_TRUE(nothing.ok()) << nothing.error().message();
  ASSERT_EQ(nothing->failures, 1U);
  EXPECT_EQ(nothing->failed.at(0).code(), Code::kNotFound);
  EXPECT_NE(nothing->failed.at(0).message().find(path("nothing")), std::string::npos);
  EXPECT_FALSE(path_exists(path("back")));
  const auto partly =
      copy_.put(soon(), {{path("gone"), "gone"}, {path("f"), "f"}}, path("guest"), TreeInto::kDirectory, {});
  ASSERT_TRUE(partly.ok()) << partly.error().message();
  EXPECT_EQ(partly->failures, 1U);
  EXPECT_EQ(partly->failed.at(0).code(), Code::kNotFound);
  EXPECT_EQ(read_file(path("guest/f")).value(), "1\n");
}

TEST_F(TreeCopyTest, ACancelledCopyLeavesNoPiece) {
  shell("head -c 200000000 /dev/zero > big; mkdir guest");
  const CancelSource cancel;
  const auto stopped = copy_.put({cancel.token(), {}}, {{path("big"), "big"}}, path("guest"),
                                 TreeInto::kDirectory, [&](std::uint64_t bytes) {
                                   if (bytes > 20'000'000) cancel.cancel();
                                 });
  EXPECT_EQ(stopped.error().code(), Code::kCancelled);
  // The agent notices on its side; its next answer comes after it has.
  const Deadline limit = Deadline::after(std::chrono::seconds(20));
  SystemClock clock;
  while (!list_directory(path("guest"))->empty() && !limit.expired()) {
    ASSERT_TRUE(clock.sleep({}, std::chrono::milliseconds(5)).ok());
  }
  EXPECT_TRUE(list_directory(path("guest"))->empty());
}

}  // namespace
}  // namespace cove
