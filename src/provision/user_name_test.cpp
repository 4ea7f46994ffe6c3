#include "provision/user_name.h"

#include <gtest/gtest.h>

#include <string>

namespace cove {
namespace {

TEST(UserName, accepts_debians_names) {
  for (const char* name : {"ann", "debian", "_apt2", "a-b_c9"})
    EXPECT_TRUE(check_user_name(name).ok()) << name;
}

TEST(UserName, refuses_others_and_says_why) {
  for (const char* name : {"", "Ann", "9lives", "-x", "a b", "a:b", "root", "daemon", "ann\n"}) {
    const auto checked = check_user_name(name);
    ASSERT_FALSE(checked.ok()) << name;
    EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(check_user_name(std::string(33, 'a')).ok());
}

TEST(SshKey, takes_a_public_key_line) {
  const auto key = check_ssh_key(" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5v ann@host\n");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(*key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5v ann@host");
}

TEST(SshKey, a_private_key_is_named_as_such) {
  const auto key = check_ssh_key("-----BEGIN OPENSSH PRIVATE KEY-----");
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message().find("private"), std::string::npos);
  EXPECT_NE(key.error().hint_text().find(".pub"), std::string::npos);
}

TEST(SshKey, refuses_other_text) {
  EXPECT_FALSE(check_ssh_key("").ok());
  EXPECT_FALSE(check_ssh_key("ssh-ed25519").ok());
  EXPECT_FALSE(check_ssh_key("ssh-ed25519 not!base64").ok());
  EXPECT_FALSE(check_ssh_key(std::string("ssh-rsa AAAAB3NzaC1yc2E= x\0y", 28)).ok());
  EXPECT_FALSE(check_ssh_key("ssh-rsa AAAAB3NzaC1yc2E= \x1b[2J").ok());
  EXPECT_FALSE(check_ssh_key("ssh-rsa AAAAB3NzaC1yc2E= x\nssh-rsa AAAAB3NzaC1yc2E= y").ok());
}

}  // namespace
}  // namespace cove
