#include "agentd/accounts.h"

#include <gtest/gtest.h>

#include "agentd/environment.h"
#include "agentd/realm.h"
#include "agentd/virtio_port.h"
#include "base/files.h"

namespace cove::agentd {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken line\n"
    "toobig:x:99999999999:0::/:/bin/sh\n"
    "ann:x:1001:1001:Ann,Room 1,,:/home/ann:/bin/zsh\n"
    "bob:x:1000:1000::/home/bob:\n"
    "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";

TEST(Accounts, BrokenLinesAreSkipped) {
  const auto users = parse_passwd(kPasswd);
  ASSERT_EQ(users.size(), 4U);
  EXPECT_EQ(users[1].name, "ann");
  EXPECT_EQ(users[1].full_name, "Ann");
  EXPECT_EQ(users[1].shell, "/bin/zsh");
  EXPECT_TRUE(parse_passwd("").empty());
  EXPECT_TRUE(parse_group("a:x\n:x:1:\nb:x:no:\n").empty());
}

TEST(Accounts, RealmsKnowTheirUsers) {
  const TempDir root = TempDir::create("/tmp", "cove-accounts").value();
  ASSERT_TRUE(make_directories(root.path() / "etc/cove").ok());
  ASSERT_TRUE(write_file_atomic(root.path() / "etc/passwd", kPasswd).ok());
  ASSERT_TRUE(
      write_file_atomic(root.path() / "etc/group", "ann:x:1001:ann\nsudo:x:27:bob,ann\naudio:x:29:bob\n")
          .ok());
  const Realm system{Realm::Kind::kSystem, root.path(), "v"};
  const Realm user{Realm::Kind::kUser, root.path(), "v"};
  EXPECT_EQ(user.identity("")->account.name, "bob");  // the lowest person
  ASSERT_TRUE(write_file_atomic(root.path() / "etc/cove/agent.conf", "# chosen\nuser=ann\n").ok());
  const auto ann = user.identity("");
  ASSERT_TRUE(ann.ok());
  EXPECT_EQ(ann->account.uid, 1001U);
  EXPECT_EQ(ann->groups, std::vector<gid_t>{27});  // without the primary group
  EXPECT_EQ(user.identity("bob").error().code(), Code::kPermissionDenied);
  EXPECT_EQ(system.identity("bob")->groups, (std::vector<gid_t>{27, 29}));
  EXPECT_EQ(system.identity("1000")->account.name, "bob");
  EXPECT_EQ(system.identity("eve").error().message(), "no user eve in the guest");
  ASSERT_TRUE(write_file_atomic(root.path() / "etc/passwd", "root:x:0:0::/root:/bin/sh\n").ok());
  ASSERT_TRUE(write_file_atomic(root.path() / "etc/cove/agent.conf", "").ok());
  EXPECT_EQ(user.identity("").error().code(), Code::kFailedPrecondition);
}

TEST(Environment, FilesAndExtrasApplyInOrder) {
  const TempDir root = TempDir::create("/tmp", "cove-environment").value();
  ASSERT_TRUE(make_directories(root.path() / "etc/default").ok());
  ASSERT_TRUE(
      write_file_atomic(root.path() / "etc/environment", "# x\nexport A='one two'\nHOME=/wrong\nbad\n").ok());
  ASSERT_TRUE(write_file_atomic(root.path() / "etc/default/locale", "LANG=\"C.UTF-8\"\n").ok());
  const Account bob{"bob", 1000, 1000, "", "/home/bob", ""};
  const auto environment = login_environment(bob, root.path(), {{"LANG", "de"}, {"B", ""}});
  ASSERT_TRUE(environment.ok());
  EXPECT_EQ(environment->at("A"), "one two");
  EXPECT_EQ(environment->at("HOME"), "/home/bob");
  EXPECT_EQ(environment->at("LANG"), "de");
  EXPECT_EQ(environment->at("B"), "");
  EXPECT_EQ(environment->at("SHELL"), "/bin/sh");
  EXPECT_FALSE(login_environment(bob, root.path(), {{"a=b", "c"}}).ok());
  EXPECT_FALSE(login_environment(bob, root.path(), {{"", "c"}}).ok());
}

TEST(Environment, CandidatesFollowPath) {
  EXPECT_EQ(command_candidates("ls", "/a::/b"), (std::vector<std::string>{"/a/ls", "./ls", "/b/ls"}));
  EXPECT_EQ(command_candidates("./ls", "/a"), std::vector<std::string>{"./ls"});
}

TEST(VirtioPort, IsFoundByNameThoughSysfsFilesClaimAPage) {
  const TempDir sysfs = TempDir::create("/tmp", "cove-sysfs").value();
  EXPECT_EQ(find_virtio_port(sysfs.path(), "com.cove.agent").error().code(), Code::kNotFound);
  for (const auto& [port, name] :
       {std::pair("vport1p1", "org.other"), std::pair("vport1p2", "com.cove.agent")}) {
    const auto folder = sysfs.path() / "class/virtio-ports" / port;
    ASSERT_TRUE(make_directories(folder).ok());
    std::string page = std::string(name) + "\n";
    page.resize(4096, ' ');
    ASSERT_TRUE(write_file_atomic(folder / "name", page).ok());
  }
  const auto found = find_virtio_port(sysfs.path(), "com.cove.agent");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->string(), "/dev/vport1p2");
}

}  // namespace
}  // namespace cove::agentd
