#include "agentd/user_editor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

namespace cove::agentd {
namespace {

class UserEditor : public ::testing::Test {
 protected:
  UserEditor() {
    EXPECT_TRUE(make_directories(root() / "etc/skel").ok());
    EXPECT_TRUE(make_directories(root() / "home").ok());
    write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nodd line\n");
    write("etc/shadow", "root:*:19000:0:99999:7:::\n");
    write("etc/group", "root:x:0:\nsudo:x:27:\n");
    write("etc/gshadow", "root:*::\nsudo:*::\n");
    write("etc/skel/.profile", "# profile\n");
  }
  std::filesystem::path root() const { return dir_.path(); }
  void write(const std::string& path, std::string_view text) {
    EXPECT_TRUE(write_file_atomic(root() / path, text).ok());
  }
  std::string read(const std::string& path) { return read_file(root() / path).value_or("<unreadable>"); }
  Result<UserOutcome> ensure(const UserWish& wish) { return ensure_user({}, root(), wish); }
  // Only root may give files away: others make an account with their own numbers.
  UserWish wish() {
    UserWish wish;
    wish.name = "ann";
    if (::geteuid() != 0) wish.uid = ::geteuid();
    return wish;
  }

  TempDir dir_ = TempDir::create("/tmp", "cove-users").value();
};

TEST_F(UserEditor, MakesAUserOnce) {
  UserWish ann = wish();
  ann.uid = ::geteuid() == 0 ? 1000 : ::geteuid();
  ann.groups = {"docker", "sudo"};
  ann.sudo = UserWish::Sudo::kWithoutPassword;
  ann.password = UserWish::Password::kHash;
  ann.password_hash = "$y$j9T$salt$hash";
  ann.ssh_keys = {"ssh-ed25519 AAAA ann@host"};
  const auto made = ensure(ann);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->kind, UserOutcome::Kind::kCreated);
  const std::string id = std::to_string(*ann.uid);
  EXPECT_EQ(read("etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\nodd line\nann:x:" + id + ":" + id + "::/home/ann:/bin/sh\n");
  EXPECT_NE(read("etc/shadow").find("\nann:$y$j9T$salt$hash:"), std::string::npos);
  EXPECT_EQ(read("etc/group"), "root:x:0:\nsudo:x:27:ann\nann:x:" + id + ":\ndocker:x:900:ann\n");
  EXPECT_EQ(read("etc/gshadow"), "root:*::\nsudo:*::ann\nann:!::\ndocker:!::ann\n");
  EXPECT_EQ(read("home/ann/.profile"), "# profile\n");
  EXPECT_EQ(read("home/ann/.ssh/authorized_keys"), "ssh-ed25519 AAAA ann@host\n");
  EXPECT_EQ(read("etc/sudoers.d/90-cove-ann"), "ann ALL=(ALL:ALL) NOPASSWD:ALL\n");
  struct stat info {};
  ASSERT_EQ(::stat((root() / "home/ann").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
  EXPECT_EQ(info.st_uid, *ann.uid);

  const std::string all = read("etc/passwd") + read("etc/shadow") + read("etc/group");
  const auto again = ensure(ann);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->kind, UserOutcome::Kind::kFound);
  EXPECT_EQ(read("etc/passwd") + read("etc/shadow") + read("etc/group"), all);
  EXPECT_EQ(read("home/ann/.ssh/authorized_keys"), "ssh-ed25519 AAAA ann@host\n");
}

TEST_F(UserEditor, PasswordsLockAndComeBack) {
  UserWish ann = wish();
  ASSERT_TRUE(ensure(ann).ok());
  EXPECT_NE(read("etc/shadow").find("\nann:*:"), std::string::npos);  // no password fits
  ann.password = UserWish::Password::kHash;
  ann.password_hash = "$6$x$y";
  ASSERT_TRUE(ensure(ann).ok());
  ann.password = UserWish::Password::kLock;
  ASSERT_TRUE(ensure(ann).ok());
  ASSERT_TRUE(ensure(ann).ok());
  EXPECT_NE(read("etc/shadow").find("\nann:!$6$x$y:"), std::string::npos);
  ann.password = UserWish::Password::kKeep;
  ASSERT_TRUE(ensure(ann).ok());
  EXPECT_NE(read("etc/shadow").find("\nann:!$6$x$y:"), std::string::npos);
  ann.password = UserWish::Password::kHash;
  ASSERT_TRUE(ensure(ann).ok());
  EXPECT_NE(read("etc/shadow").find("\nann:$6$x$y:"), std::string::npos);
}

TEST_F(UserEditor, KeepsTheModeOfShadow) {
  ASSERT_EQ(::chmod((root() / "etc/shadow").c_str(), 0600), 0);
  ASSERT_TRUE(ensure(wish()).ok());
  struct stat info {};
  ASSERT_EQ(::stat((root() / "etc/shadow").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(UserEditor, FollowsNoLinkInTheHome) {
  UserWish ann = wish();
  ASSERT_TRUE(ensure(ann).ok());
  ASSERT_EQ(::symlink((root() / "etc").c_str(), (root() / "home/ann/.ssh").c_str()), 0);
  ann.ssh_keys = {"ssh-ed25519 AAAA"};
  EXPECT_FALSE(ensure(ann).ok());
  EXPECT_FALSE(path_exists(root() / "etc/authorized_keys"));
}

TEST_F(UserEditor, RefusesWhatTheFilesCannotHold) {
  const auto refused = [&](auto&& change) {
    UserWish ann = wish();
    change(ann);
    const auto result = ensure(ann);
    return !result.ok() && result.error().code() == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](UserWish& w) { w.name = "a:b"; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.name = "../x"; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.name = ""; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.name = "0day"; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.full_name = "x\nroot2:x:0:0"; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.home = "relative"; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.groups = {"a,b"}; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.ssh_keys = {"one\ntwo"}; }));
  EXPECT_TRUE(refused([](UserWish& w) { w.password = UserWish::Password::kHash; }));
  EXPECT_TRUE(refused([](UserWish& w) {
    w.password = UserWish::Password::kHash;
    w.password_hash = "$6$a:0";
  }));
  EXPECT_TRUE(refused([](UserWish& w) {
    w.password = UserWish::Password::kHash;
    w.password_hash = "plain password";
  }));
  UserWish taken = wish();
  taken.uid = 0;
  if (::geteuid() == 0) {
    EXPECT_EQ(ensure(taken).error().code(), Code::kAlreadyExists);
  }
}

}  // namespace
}  // namespace cove::agentd
