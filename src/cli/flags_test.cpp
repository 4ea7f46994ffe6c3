#include "cli/flags.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr FlagSpec kDetach{"detach", FlagKind::kSwitch, "", "in the background", ""};
constexpr FlagSpec kCpu{"cpu", FlagKind::kCount, "N", "CPUs", "2"};
constexpr FlagSpec kMemory{"memory", FlagKind::kGigabytes, "GB", "memory", "4"};
constexpr FlagSpec kEnv{"env", FlagKind::kTexts, "K=V", "variable", ""};
constexpr FlagSpec kWait{"timeout", FlagKind::kDuration, "TIME", "patience", "60s"};
constexpr FlagSpec kUser{"user", FlagKind::kText, "NAME", "account", ""};
const std::vector<const FlagSpec*> kAll{&kDetach, &kCpu, &kMemory, &kEnv, &kWait, &kUser};

Result<ParsedFlags> parse(const std::vector<std::string>& words, FlagStop stop = FlagStop::kDashes) {
  return parse_flags(words, kAll, stop);
}

TEST(Flags, one_or_two_dashes_joined_or_apart_before_or_after_words) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"-cpu", "4", "web"},
                                                                 {"--cpu", "4", "web"},
                                                                 {"-cpu=4", "web"},
                                                                 {"web", "--cpu=4"},
                                                                 {"web", "-cpu", "4"}}) {
    const auto parsed = parse(words);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->count("cpu"), 4U);
    EXPECT_EQ(parsed->words, std::vector<std::string>{"web"});
  }
}

TEST(Flags, switches_take_a_value_only_with_an_equals_sign) {
  EXPECT_TRUE(parse({"-detach", "true"})->is_set("detach"));
  EXPECT_EQ(parse({"-detach", "true"})->words, std::vector<std::string>{"true"});
  EXPECT_FALSE(parse({"-detach=false"})->is_set("detach"));
  EXPECT_TRUE(parse({"-detach=false"})->given("detach"));
  EXPECT_FALSE(parse({"-detach=maybe"}).ok());
  EXPECT_FALSE(parse({})->is_set("detach"));
}

TEST(Flags, defaults_and_the_last_value_count) {
  EXPECT_EQ(parse({})->count("cpu"), 2U);
  EXPECT_FALSE(parse({})->given("cpu"));
  EXPECT_EQ(parse({"-cpu", "3", "-cpu", "5"})->count("cpu"), 5U);
  EXPECT_EQ(parse({"-env", "A=1", "-env=B=2"})->texts("env"), (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(parse({"-user="})->text("user"), "");
}

TEST(Flags, dashes_and_the_first_plain_word_end_them) {
  const auto dashes = parse({"-cpu", "4", "--", "-cpu", "5"});
  EXPECT_EQ(dashes->words, (std::vector<std::string>{"-cpu", "5"}));
  EXPECT_EQ(dashes->dashes, 0U);
  const auto first = parse({"-user", "ann", "ls", "-l"}, FlagStop::kFirstPlainWord);
  EXPECT_EQ(first->words, (std::vector<std::string>{"ls", "-l"}));
  EXPECT_EQ(first->text("user"), "ann");
  const auto both = parse({"--", "ls", "--", "x"}, FlagStop::kFirstPlainWord);
  EXPECT_EQ(both->words, (std::vector<std::string>{"ls", "--", "x"}));
  EXPECT_EQ(parse({"-"})->words, std::vector<std::string>{"-"});
}

TEST(Flags, an_unknown_flag_names_the_nearest) {
  const auto parsed = parse({"-memry", "4"});
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().message(), "unknown flag -memry");
  EXPECT_EQ(parsed.error().hint_text(), "did you mean -memory?");
  EXPECT_EQ(parse({"-zzzzzzzz"}).error().hint_text(), "");
}

TEST(Flags, values_are_checked_when_parsed) {
  EXPECT_EQ(parse({"-cpu"}).error().message(), "flag -cpu needs a value: N");
  EXPECT_EQ(parse({"-cpu", "two"}).error().message(), "flag -cpu: 'two' is not a whole number of 0 or more");
  EXPECT_FALSE(parse({"-cpu", "-1"}).ok());
  EXPECT_FALSE(parse({"-cpu", "99999999999999999999"}).ok());
  EXPECT_FALSE(parse({"-timeout", "soon"}).ok());
  EXPECT_FALSE(parse({"-timeout", "-5s"}).ok());
}

TEST(Flags, durations_and_sizes) {
  EXPECT_EQ(parse({"-timeout", "1m30s"})->duration("timeout"), seconds(90));
  EXPECT_EQ(parse({"-timeout", "250ms"})->duration("timeout"), milliseconds(250));
  EXPECT_EQ(parse({"-timeout", "5"})->duration("timeout"), seconds(5));
  EXPECT_EQ(parse_gigabytes("8"), 8U);
  EXPECT_EQ(parse_gigabytes("8GB"), 8U);
  EXPECT_EQ(parse_gigabytes("8192M"), 8U);
  EXPECT_EQ(parse_gigabytes("1T"), 1024U);
  EXPECT_EQ(parse_gigabytes("100M"), std::nullopt);
  EXPECT_EQ(parse_gigabytes("8X"), std::nullopt);
  EXPECT_EQ(parse_gigabytes(""), std::nullopt);
}

}  // namespace
}  // namespace cove
