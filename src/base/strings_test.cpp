#include "base/strings.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

TEST(Strings, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Strings, NumbersAreWholeTexts) {
  EXPECT_EQ(parse_u64("18446744073709551615"), 18446744073709551615ULL);
  EXPECT_FALSE(parse_u64("18446744073709551616"));
  for (const auto* bad : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0"}) EXPECT_FALSE(parse_u64(bad)) << bad;
  EXPECT_EQ(parse_i64("-9223372036854775808"), INT64_MIN);
}

TEST(Strings, BytesAreShownInBase1024) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KB");
  EXPECT_EQ(format_bytes(64ULL << 30U), "64.0 GB");
}

TEST(Strings, ShellQuoting) {
  EXPECT_EQ(shell_quote("plain-1.txt"), "plain-1.txt");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("it's $HOME"), "'it'\\''s $HOME'");
}

TEST(Strings, Base64RoundTripsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes) << i;
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(base64_encode("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(base64_decode("-_8"), "\xfb\xff");
  EXPECT_FALSE(base64_decode("a"));
  EXPECT_FALSE(base64_decode("ab c"));
}

TEST(Strings, HexRefusesHalvesAndOtherDigits) {
  EXPECT_EQ(hex_decode(hex_encode(std::string("\0\xff\x10", 3))), std::string("\0\xff\x10", 3));
  EXPECT_FALSE(hex_decode("abc"));
  EXPECT_FALSE(hex_decode("zz"));
}

TEST(Strings, ConstantTimeEqualIsEqual) {
  EXPECT_TRUE(constant_time_equal("token", "token"));
  EXPECT_FALSE(constant_time_equal("token", "tokem"));
  EXPECT_FALSE(constant_time_equal("token", "tokentoken"));
  EXPECT_FALSE(constant_time_equal("token", ""));
  EXPECT_TRUE(constant_time_equal("", ""));
}

TEST(Strings, TrimAndLower) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(to_lower("AbZ\xc3\x84"), "abz\xc3\x84");
}

}  // namespace
}  // namespace cove
