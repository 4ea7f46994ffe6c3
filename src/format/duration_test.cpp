#include "format/duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace cove {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

std::string error_of(std::string_view text) {
  const auto parsed = parse_duration(text);
  return parsed.ok() ? "no error" : parsed.error().message();
}

TEST(A14Duration, Reads) {
  const std::pair<std::string_view, nanoseconds> cases[] = {
      {"0", 0ns},
      {"+0", 0ns},
      {"-0", 0ns},
      {"5s", 5s},
      {"+5s", 5s},
      {"-5s", -5s},
      {"1.5h", 90min},
      {".5s", 500ms},
      {"5.s", 5s},
      {"1h2m3.5s", 1h + 2min + 3500ms},
      {"10ns", 10ns},
      {"11us", 11us},
      {"12\u00b5s", 12us},
      {"12\u03bcs", 12us},
      {"13ms", 13ms},
      {"1m1m", 2min},
      {"0.3333333333333333333h", 20min},
      {"9223372036854775807ns", nanoseconds::max()},
      {"-9223372036854775808ns", nanoseconds::min()},
      {"0.100000000000000000000h", 6min},
      {"9223372036s854ms775us807ns", nanoseconds::max()},
  };
  for (const auto& [text, want] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, want) << text;
  }
}

TEST(A14Duration, ErrorsSayWhat) {
  for (const std::string text :
       {"", "-", "+", "s", ".", "-.", ".s", "+.s", "1s ", "3000000h", "--1s", "9223372036854775808ns",
        "9223372036854775.808us", "9999999999999999999ns", "-9223372036854775808ns9223372036854775808ns"}) {
    if (text == "1s ") continue;
    EXPECT_EQ(error_of(text), "time: invalid duration \"" + text + "\"");
  }
  EXPECT_EQ(error_of("5"), "time: missing unit in duration \"5\"");
  EXPECT_EQ(error_of("1s5"), "time: missing unit in duration \"1s5\"");
  EXPECT_EQ(error_of("1d"), "time: unknown unit \"d\" in duration \"1d\"");
  EXPECT_EQ(error_of("1s "), "time: unknown unit \"s \" in duration \"1s \"");
  EXPECT_EQ(error_of("\"\x85\n"), "time: invalid duration \"\\\"\\x85\\x0a\"");
}

TEST(A14Duration, Prints) {
  const std::pair<nanoseconds, std::string_view> cases[] = {
      {0ns, "0s"},
      {10ns, "10ns"},
      {1500ns, "1.5\u00b5s"},
      {500ms, "500ms"},
      {1500ms, "1.5s"},
      {3min, "3m0s"},
      {1h, "1h0m0s"},
      {1h + 2min + 3500ms, "1h2m3.5s"},
      {-1ns, "-1ns"},
      {2200us, "2.2ms"},
      {59s + 1ns, "59.000000001s"},
      {nanoseconds::max(), "2562047h47m16.854775807s"},
      {nanoseconds::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& [span, want] : cases) EXPECT_EQ(format_duration(span), want);
}

TEST(A14Duration, PrintedFormReadsBack) {
  for (const auto span : {1ns, 999ns, 1234567ns, 987654321098765ns, nanoseconds(-3h), nanoseconds::min()}) {
    EXPECT_EQ(*parse_duration(format_duration(span)), span);
  }
}

}  // namespace
}  // namespace cove
