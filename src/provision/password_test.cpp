#include "provision/password.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <memory>

namespace cove {
namespace {

TEST(Password, hash_is_what_a_guest_verifies) {
  const auto hash = hash_password("correct horse");
  ASSERT_TRUE(hash.ok());
  EXPECT_TRUE(hash->starts_with("$6$"));
  const auto data = std::make_unique<crypt_data>();
  EXPECT_STREQ(::crypt_r("correct horse", hash->c_str(), data.get()), hash->c_str());
  EXPECT_STRNE(::crypt_r("correct horsf", hash->c_str(), data.get()), hash->c_str());
}

TEST(Password, matches_the_hash_that_was_made_of_it) {
  const auto hash = hash_password("correct horse");
  ASSERT_TRUE(hash.ok());
  EXPECT_TRUE(password_matches("correct horse", *hash));
  EXPECT_FALSE(password_matches("correct horsf", *hash));
  EXPECT_FALSE(password_matches("", ""));
}

TEST(Password, salts_differ) { EXPECT_NE(*hash_password("x"), *hash_password("x")); }

TEST(Password, refuses_what_a_login_could_not_type) {
  EXPECT_FALSE(hash_password("").ok());
  EXPECT_FALSE(hash_password("two\nlines").ok());
  EXPECT_FALSE(hash_password(std::string("nul\0inside", 10)).ok());
  EXPECT_FALSE(hash_password(std::string(513, 'x')).ok());
}

TEST(Password, clear_text_is_no_hash) {
  EXPECT_FALSE(is_password_hash("secret"));
  EXPECT_FALSE(is_password_hash("*0"));
  EXPECT_FALSE(is_password_hash("$6$salt$bad:colon................"));
}

}  // namespace
}  // namespace cove
