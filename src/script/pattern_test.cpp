#include "script/pattern.h"

#include <gtest/gtest.h>

#include "script/testing/script_fixture.h"

namespace cove {
namespace {

bool matches(std::string_view expression, std::string_view text) {
  const auto pattern = ScriptPattern::compile(expression);
  EXPECT_TRUE(pattern.ok()) << expression << ": " << (pattern.ok() ? "" : pattern.error().message());
  return pattern.ok() && pattern->find(text).has_value();
}

std::size_t count(std::string_view expression, std::string_view text) {
  return ScriptPattern::compile(expression).value().count(text);
}

TEST(A15Dialect, Accepted) {
  EXPECT_TRUE(matches("(?i)ABC", "xabc"));
  EXPECT_TRUE(matches("(?s)a.b", "a\nb"));
  EXPECT_TRUE(matches("(?i:A)b", "ab"));
  EXPECT_TRUE(matches("(?U)a+", "aa"));
  EXPECT_TRUE(matches("\\Aa\\z", "a"));
  EXPECT_FALSE(matches("\\Aa", "b\na"));
  EXPECT_TRUE(matches("\\Qa.[\\E.", "a.[x"));
  EXPECT_FALSE(matches("\\Qa.\\E", "ab"));
  EXPECT_TRUE(matches("\\Q\\C(?<x\\E", "\\C(?<x"));
  EXPECT_TRUE(matches("^\\pL\\p{Greek}[[:alpha:]]\\a\\x{1F600}\\101$",
                      "\u00e9\u03b1z\a\U0001F600"
                      "A"));
  EXPECT_TRUE(matches("(?P<n>a)(?<m>b)", "ab"));
  EXPECT_TRUE(matches("[]a]+$", "]a"));
  EXPECT_FALSE(matches("[^]a]", "]a"));
  EXPECT_TRUE(matches("[(?<]x", "<x"));
  EXPECT_TRUE(matches("^x{,2}a{$", "x{,2}a{"));
}

TEST(A15Dialect, Refused) {
  for (const std::string_view expression :
       {"\\Z",     "(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)",   "(?#c)",
        "\\u0041", "\\cA",   "\\h",   "\\C",   "a**",    "a++",    "x{1001}", "(x{100}){100}",
        "[a",      "(",      "a\\",   "*",     "[z-a]",  "\xff"}) {
    const auto pattern = ScriptPattern::compile(expression);
    ASSERT_FALSE(pattern.ok()) << expression;
    EXPECT_EQ(pattern.error().message().substr(0, 22), "error parsing regexp: ") << expression;
  }
  EXPECT_EQ(ScriptPattern::compile("(").error().message(),
            "error parsing regexp: missing closing ): `(?m)(`");
  EXPECT_EQ(ScriptPattern::compile("*").error().message(),
            "error parsing regexp: missing argument to repetition operator: `*`");
}

TEST(A15Dialect, LinesEndWithLineFeedOnly) {
  EXPECT_TRUE(matches("^b$", "a\nb\nc"));
  EXPECT_FALSE(matches("a$", "a\r\n"));
  EXPECT_TRUE(matches("^a.$", "a\r\n"));
  EXPECT_TRUE(matches("a.b",
                      "a\u2028"
                      "b"));
  EXPECT_FALSE(matches("a.b", "a\nb"));
}

TEST(A15Dialect, Classes) {
  EXPECT_FALSE(matches("\\s", "\v\u00a0"));
  EXPECT_EQ(count("\\s", "\t\n\f\r "), 5U);
  EXPECT_FALSE(matches("\\d|\\w", "\u0663\u00e9"));
}

TEST(A15Dialect, LeftmostFirst) {
  const auto match = ScriptPattern::compile("a|ab").value().find("xab");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 1U);
  EXPECT_EQ(match->end, 2U);
}

TEST(A15Dialect, EmptyMatchesInCounts) {
  EXPECT_EQ(count("b*", "abb"), 2U);
  EXPECT_EQ(count("", ""), 1U);
  EXPECT_EQ(count("", "abc"), 4U);
  EXPECT_EQ(count("", "\u00e9"), 2U);
  EXPECT_EQ(count("a*", "baac"), 3U);
  EXPECT_EQ(count("^", "a\nb\n"), 3U);
  EXPECT_EQ(count("\\bx", "x xx x"), 3U);
}

TEST(A15Dialect, InvalidBytesAreOneReplacementEach) {
  EXPECT_EQ(count(".", "a\xff\xfe\xc3"), 4U);
  EXPECT_TRUE(matches("a\\x{FFFD}b",
                      "a\xff"
                      "b"));
  const auto match = ScriptPattern::compile("c+").value().find(
      "\xff\xff"
      "bcc\xff");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 3U);
  EXPECT_EQ(match->end, 5U);
}

TEST(A15Dialect, TimeIsLinear) {
  EXPECT_FALSE(matches("(a*)*(a*)*(a|aa)+$b", std::string(100'000, 'a') + "c"));
}

using A15Commands = ScriptTest;

TEST_F(A15Commands, MatchLogsWholeLines) {
  write("f", "one\ntwo three\nfour\n");
  EXPECT_EQ(log_of("grep e\\n?t f"), "> grep e\\n?t f\nmatched: one\ntwo three\n");
  EXPECT_EQ(log_of("grep -q hr f"), "> grep -q hr f\n");
  EXPECT_EQ(log_of("grep -count=3 o f"), "> grep -count=3 o f\n");
}

TEST_F(A15Commands, Failures) {
  write("f", "aXbX");
  EXPECT_EQ(error_of("grep z f"), "t.txt:1: grep z f: no match for `(?m)z` in f");
  EXPECT_EQ(error_of("grep -count=3 -q X f"),
            "t.txt:1: grep -count=3 -q X f: found 2 matches for `(?m)X` in f");
  EXPECT_EQ(error_of("stdout `"), "t.txt:1: stdout `: no match for \"(?m)`\" in stdout");
  EXPECT_EQ(error_of("stderr x"), "t.txt:1: stderr x: no match for `(?m)x` in stderr");
  EXPECT_EQ(error_of("grep x nosuch"),
            "t.txt:1: grep x nosuch: open " + at("nosuch") + ": no such file or directory");
}

TEST_F(A15Commands, Counts) {
  for (const std::string text : {"x", "", "1x", "+", "-", "++1", "+-1"}) {
    EXPECT_EQ(error_of("stdout -count=" + text + " a"), "t.txt:1: stdout -count=" + text +
                                                            " a: bad -count=: strconv.Atoi: parsing \"" +
                                                            text + "\": invalid syntax");
  }
  EXPECT_EQ(error_of("stdout -count=0 a").substr(28), "bad -count=: must be at least 1");
  EXPECT_EQ(error_of("stdout -count=-1 a").substr(29), "bad -count=: must be at least 1");
  EXPECT_EQ(error_of("stdout -count=99999999999999999999 a").substr(47),
            "bad -count=: strconv.Atoi: parsing \"99999999999999999999\": value out of range");
  log_of("echo aa\nstdout -count=+2 a\n");
}

TEST_F(A15Commands, OnlyTheseAreFlags) {
  log_of("echo -x -q --\nstdout -x\nstdout --\nstdout -q -q\n");
  EXPECT_EQ(error_of("stdout -q -count=1 x"), "t.txt:1: stdout -q -count=1 x: invalid usage");
}

TEST_F(A15Commands, VariablesInPatternsAreLiteral) {
  restart({"V=a.c", "W=-a.c"});
  write("f", "abc\n");
  EXPECT_EQ(error_of("grep -q $V f"), "t.txt:1: grep -q a\\.c f: no match for `(?m)a\\.c` in f");
  log_of("grep a.c f\n");
  // A pattern that begins with '-' is taken for a flag, so its variables stay as they are.
  EXPECT_EQ(error_of("grep -$V f"), "t.txt:1: grep -a.c f: no match for `(?m)-a.c` in f");
  EXPECT_EQ(error_of("grep $W f"), "t.txt:1: grep -a\\.c f: no match for `(?m)-a\\.c` in f");
}

}  // namespace
}  // namespace cove
