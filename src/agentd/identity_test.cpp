// Who a guest is, on a root folder of the test's own.
#include "agentd/identity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr const char* kId = "0123456789abcdef0123456789abcdef";
const std::vector<HostKey> kKeys = {{"ssh_host_ed25519_key", "secret one\n", "open one\n"},
                                    {"ssh_host_ecdsa_key", "secret two\n", "open two\n"}};

class IdentityFiles : public ::testing::Test {
 protected:
  IdentityFiles() : temp_(TempDir::create("/tmp", "cove-identity").value()), root_(temp_.path()) {
    make_directories(root_ / "etc").value();
  }
  void put(const std::string& path, std::string_view text) {
    make_directories((root_ / path).parent_path()).value();
    write_file_atomic(root_ / path, text).value();
  }
  std::string text(const std::string& path) { return read_file(root_ / path).value_or("(none)"); }
  mode_t mode(const std::string& path) {
    struct stat info {};
    return ::lstat((root_ / path).c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  }
  std::vector<std::string> names(const std::string& path) { return list_directory(root_ / path).value(); }

  TempDir temp_;
  std::filesystem::path root_;
};

TEST_F(IdentityFiles, a_machine_id_is_written_once) {
  put("etc/machine-id", "");
  EXPECT_EQ(set_machine_id(root_, kId).value(), Change::kDone);
  EXPECT_EQ(text("etc/machine-id"), std::string(kId) + "\n");
  EXPECT_EQ(mode("etc/machine-id"), 0444U);
  EXPECT_EQ(set_machine_id(root_, kId).value(), Change::kNone);
  EXPECT_FALSE(path_exists(root_ / "var/lib/dbus"));
  EXPECT_EQ(names("etc"), std::vector<std::string>{"machine-id"});  // nothing is left over
}

TEST_F(IdentityFiles, dbus_has_a_copy_only_where_it_is_a_file) {
  put("var/lib/dbus/machine-id", "old\n");
  ASSERT_TRUE(set_machine_id(root_, kId).ok());
  EXPECT_EQ(text("var/lib/dbus/machine-id"), std::string(kId) + "\n");
  ASSERT_EQ(::unlink((root_ / "var/lib/dbus/machine-id").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/machine-id", (root_ / "var/lib/dbus/machine-id").c_str()), 0);
  ASSERT_TRUE(set_machine_id(root_, std::string(32, 'a')).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(root_ / "var/lib/dbus/machine-id"));
}

TEST_F(IdentityFiles, nonsense_is_refused_before_anything_is_written) {
  for (const std::string id :
       {"", "0123", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcde\n"}) {
    EXPECT_EQ(set_machine_id(root_, id).error().code(), Code::kInvalidArgument) << id;
  }
  for (const std::string name : {"", "a b", "-a", "a.b", "a\n"}) {
    EXPECT_EQ(name_host(root_, name).error().code(), Code::kInvalidArgument) << name;
  }
  EXPECT_TRUE(names("etc").empty());
}

TEST_F(IdentityFiles, a_name_goes_into_hostname_and_one_line_of_hosts) {
  put("etc/hosts", "127.0.0.1 localhost\n127.0.1.1\told\n192.0.2.1 other\n");
  EXPECT_EQ(name_host(root_, "new").value(), Change::kDone);
  EXPECT_EQ(text("etc/hostname"), "new\n");
  EXPECT_EQ(text("etc/hosts"), "127.0.0.1 localhost\n127.0.1.1\tnew\n192.0.2.1 other\n");
  EXPECT_EQ(name_host(root_, "new").value(), Change::kNone);
}

TEST_F(IdentityFiles, host_keys_are_written_with_their_modes_and_others_stay_or_go) {
  put("etc/ssh/ssh_host_rsa_key", "rsa");
  put("etc/ssh/ssh_host_rsa_key.pub", "rsa");
  put("etc/ssh/ssh_host_ed25519_key", "parent's");
  put("etc/ssh/sshd_config", "Port 22\n");
  EXPECT_EQ(put_host_keys(root_, kKeys, OtherKeys::kKeep).value(), Change::kDone);
  EXPECT_EQ(text("etc/ssh/ssh_host_ed25519_key"), "secret one\n");
  EXPECT_EQ(text("etc/ssh/ssh_host_ecdsa_key.pub"), "open two\n");
  EXPECT_EQ(mode("etc/ssh/ssh_host_ed25519_key"), 0600U);
  EXPECT_EQ(mode("etc/ssh/ssh_host_ecdsa_key.pub"), 0644U);
  EXPECT_TRUE(has_rsa_host_key(root_));
  EXPECT_EQ(put_host_keys(root_, kKeys, OtherKeys::kKeep).value(), Change::kNone);
  EXPECT_EQ(put_host_keys(root_, kKeys, OtherKeys::kRemove).value(), Change::kDone);
  EXPECT_EQ(names("etc/ssh"),
            (std::vector<std::string>{"ssh_host_ecdsa_key", "ssh_host_ecdsa_key.pub", "ssh_host_ed25519_key",
                                      "ssh_host_ed25519_key.pub", "sshd_config"}));
}

TEST_F(IdentityFiles, host_keys_go_nowhere_else) {
  EXPECT_EQ(put_host_keys(root_, kKeys, OtherKeys::kKeep).error().code(), Code::kNotFound);
  put("etc/ssh/ssh_host_rsa_key", "rsa");
  for (const std::string name :
       {"../passwd", "ssh_host_/x_key", "sshd_config", "ssh_host__key\n", "ssh_host_key"}) {
    const auto refused = put_host_keys(root_, {kKeys[0], {name, "a", "b"}}, OtherKeys::kRemove);
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument) << name;
  }
  const auto half = put_host_keys(root_, {{"ssh_host_ed25519_key", "a", ""}}, OtherKeys::kRemove);
  EXPECT_EQ(half.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(names("etc/ssh"), std::vector<std::string>{"ssh_host_rsa_key"});
}

TEST_F(IdentityFiles, an_rsa_key_is_made_in_place) {
  put("etc/ssh/sshd_config", "");
  put("etc/hostname", "web\n");
  ASSERT_TRUE(make_rsa_host_key({}, root_).ok());
  EXPECT_EQ(mode("etc/ssh/ssh_host_rsa_key"), 0600U);
  EXPECT_TRUE(text("etc/ssh/ssh_host_rsa_key.pub").starts_with("ssh-rsa "));
  EXPECT_TRUE(text("etc/ssh/ssh_host_rsa_key.pub").ends_with("root@web\n"));
  EXPECT_EQ(names("etc/ssh").size(), 3U);
}

TEST_F(IdentityFiles, sshd_is_told_only_if_the_process_is_one) {
  ::signal(SIGHUP, SIG_DFL);  // whoever runs the tests may have it ignored, and a child inherits that
  EXPECT_EQ(tell_sshd(root_).value(), Change::kNone);
  SpawnOptions options;
  options.argv = {"sleep", "100"};
  Process process = Process::spawn(options).value();
  const std::string pid = std::to_string(process.pid());
  put("run/sshd.pid", pid + "\n");
  EXPECT_EQ(tell_sshd(root_).value(), Change::kNone);  // no such process there
  put("proc/" + pid + "/comm", "sleep\n");
  EXPECT_EQ(tell_sshd(root_).value(), Change::kNone);
  EXPECT_FALSE(process.try_wait().has_value());
  put("proc/" + pid + "/comm", "sshd\n");
  EXPECT_EQ(tell_sshd(root_).value(), Change::kDone);
  EXPECT_EQ(process.wait({}).value().signal, SIGHUP);
}

}  // namespace
}  // namespace cove::agentd
