// SetIdentity and the freezing of file systems through the agent's own services, whose root is the test's.
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <map>

#include "agent/ssh_host_keys.h"
#include "base/io.h"
#include "base/testing/patience.h"
#include "tests/agent/fake_agent.h"

namespace cove {
namespace {

using testing::patient;
using End = ItemOutcome::End;

std::map<std::string, End> by_name(const std::vector<ItemOutcome>& items) {
  std::map<std::string, End> ends;
  for (const auto& item : items) ends[item.item] = item.end;
  return ends;
}

TEST(AgentIdentity, each_part_is_told_about) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  NewIdentity identity;
  identity.machine_id = std::string(32, 'a');
  identity.hostname = "not a name";
  identity.old_mac = "52:54:00:00:00:01";
  identity.mac = "52:54:00:00:00:02";
  identity.host_keys = make_ssh_host_keys(patient(), "web").value();
  const auto first = by_name(client->set_identity(patient(), identity).value());
  EXPECT_EQ(first, (std::map<std::string, End>{{"machine-id", End::kDone},
                                               {"hostname", End::kFailed},
                                               {"mac", End::kSkipped},
                                               {"host-keys", End::kSkipped}}));  // no /etc/ssh
  EXPECT_EQ(read_file(agent.root() / "etc/machine-id").value(), identity.machine_id + "\n");
  EXPECT_FALSE(path_exists(agent.root() / "etc/hostname"));

  make_directories(agent.root() / "etc/ssh").value();
  identity.hostname = "web";
  const auto second = by_name(client->set_identity(patient(), identity).value());
  EXPECT_EQ(second, (std::map<std::string, End>{{"machine-id", End::kSkipped},
                                                {"hostname", End::kDone},
                                                {"mac", End::kSkipped},
                                                {"host-keys", End::kDone},
                                                {"sshd", End::kSkipped}}));
  EXPECT_EQ(read_file(agent.root() / "etc/ssh/ssh_host_ecdsa_key").value(),
            identity.host_keys[1].private_key);
  // An empty one leaves everything alone.
  EXPECT_TRUE(client->set_identity(patient(), {}).value().empty());
}

TEST(AgentIdentity, an_rsa_key_that_was_there_is_made_anew_later) {
  testing::FakeAgent agent;
  make_directories(agent.root() / "etc/ssh").value();
  write_file_atomic(agent.root() / "etc/ssh/ssh_host_rsa_key", "the parent's").value();
  write_file_atomic(agent.root() / "etc/hostname", "web\n").value();
  const auto client = agent.client();
  NewIdentity identity;
  identity.host_keys = make_ssh_host_keys(patient(), "web").value();
  identity.other_host_keys = NewIdentity::OtherHostKeys::kReplace;
  const UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ASSERT_GE(::inotify_add_watch(changes.get(), (agent.root() / "etc/ssh").c_str(), IN_MOVED_TO), 0);
  // Twice at once: the key that the first is at is given up, and still there is one in the end.
  ASSERT_TRUE(client->set_identity(patient(), identity).ok());
  ASSERT_TRUE(client->set_identity(patient(), identity).ok());
  const auto key = agent.root() / "etc/ssh/ssh_host_rsa_key";
  while (!path_exists(key)) {
    ASSERT_TRUE(wait_ready(patient(), changes.get(), Ready::kRead).ok());
    char events[4096];
    while (::read(changes.get(), events, sizeof events) > 0) {
    }
  }
  EXPECT_TRUE(read_file(key.string() + ".pub").value().ends_with(" root@web\n"));
}

TEST(AgentIdentity, host_keys_come_from_the_host) {
  const auto keys = make_ssh_host_keys(patient(), "web").value();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].name, "ssh_host_ed25519_key");
  EXPECT_EQ(keys[1].name, "ssh_host_ecdsa_key");
  EXPECT_TRUE(keys[0].public_key.starts_with("ssh-ed25519 "));
  EXPECT_TRUE(keys[1].public_key.starts_with("ecdsa-sha2-nistp256 "));
  for (const auto& key : keys) {
    EXPECT_TRUE(key.private_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    EXPECT_TRUE(key.public_key.ends_with(" root@web\n"));
  }
  EXPECT_NE(make_ssh_host_keys(patient(), "web").value()[0].private_key, keys[0].private_key);
  const OpContext over{{}, Deadline::after(std::chrono::nanoseconds(0))};
  EXPECT_FALSE(make_ssh_host_keys(over, "web").ok());
}

TEST(AgentFreeze, is_held_until_thawed) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  EXPECT_EQ(client->thaw_filesystems(patient()).value().was, ThawOutcome::Was::kNotFrozen);
  const auto frozen = client->freeze_filesystems(patient(), std::chrono::minutes(1)).value();
  EXPECT_EQ(by_name(frozen), (std::map<std::string, End>{{"/", End::kDone}}));
  EXPECT_EQ(client->freeze_filesystems(patient(), std::chrono::minutes(1)).error().code(),
            Code::kFailedPrecondition);
  const auto thawed = client->thaw_filesystems(patient()).value();
  EXPECT_EQ(thawed.was, ThawOutcome::Was::kFrozen);
  EXPECT_EQ(by_name(thawed.filesystems), (std::map<std::string, End>{{"/", End::kDone}}));
}

}  // namespace
}  // namespace cove
