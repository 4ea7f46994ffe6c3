#include "rpc/grpc_wire.h"

#include <gtest/gtest.h>

#include "rpc/deframer.h"

namespace cove::rpc {
namespace {

using namespace std::chrono_literals;

TEST(GrpcWire, FormatsTimeoutsInEightDigits) {
  EXPECT_EQ(format_timeout(0ns), "1n");
  EXPECT_EQ(format_timeout(99'999'999ns), "99999999n");
  EXPECT_EQ(format_timeout(100'000'000ns), "100000u");
  EXPECT_EQ(format_timeout(100'000'001ns), "100001u") << "rounded up, never down";
  EXPECT_EQ(format_timeout(5s), "5000000u");
  EXPECT_EQ(format_timeout(std::chrono::hours(24 * 365 * 200)), "1752000H");
}

TEST(GrpcWire, ParsesTimeouts) {
  EXPECT_EQ(parse_timeout("1n"), 1ns);
  EXPECT_EQ(parse_timeout("250m"), 250ms);
  EXPECT_EQ(parse_timeout("2H"), 2h);
  EXPECT_GT(parse_timeout("99999999H").value(), 24h * 365 * 99);
  for (const char* bad : {"", "5", "m", "-1m", "1x", "123456789m", "1 m", "0x1m"})
    EXPECT_FALSE(parse_timeout(bad).has_value()) << bad;
}

TEST(GrpcWire, PercentCodingRoundTrips) {
  std::string all;
  for (int i = 0; i < 256; i++) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b%\n"), "a b%25%0A");
  for (const char* broken : {"%", "%4", "%zz", "100%"}) EXPECT_EQ(percent_decode(broken), broken);
  EXPECT_LE(percent_encode(std::string(1 << 20, '\n')).size(), 3U * 4096);
}

TEST(GrpcWire, MapsStatuses) {
  EXPECT_TRUE(status_from_wire("0", "ignored").ok());
  for (int code = 1; code <= 16; code++) {
    const auto status = status_from_wire(std::to_string(code), "why%21");
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(static_cast<int>(status.error().code()), code);
    EXPECT_EQ(status.error().message(), "why!");
  }
  for (const char* odd : {"17", "-1", "x", "99999999999999999999"})
    EXPECT_EQ(status_from_wire(odd, "").error().code(), Code::kUnknown) << odd;
}

TEST(GrpcWire, ChecksMetadata) {
  EXPECT_TRUE(check_metadata({{"x-a.b_c", "text ~"}}).ok());
  for (const char* name : {"", ":path", "grpc-timeout", "te", "X-Upper", "a b", "a\n"})
    EXPECT_FALSE(check_metadata({{name, "v"}}).ok()) << name;
  EXPECT_FALSE(check_metadata({{"x", "a\r\nb"}}).ok());
}

std::string framed(std::string_view body) {
  const auto prefix = message_prefix(body.size());
  return std::string(prefix.begin(), prefix.end()) + std::string(body);
}

TEST(Deframer, CutsAtAnyByte) {
  const std::string wire = framed("") + framed("one") + framed(std::string(3000, 'z')) + framed("");
  for (const std::size_t piece : {1U, 2U, 4U, 5U, 7U, 1000U, 100000U}) {
    Deframer deframer(3000);
    std::vector<std::string> messages;
    for (std::size_t at = 0; at < wire.size(); at += piece)
      ASSERT_TRUE(deframer.feed(std::string_view(wire).substr(at, piece), messages).ok());
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[1], "one");
    EXPECT_EQ(messages[2], std::string(3000, 'z'));
    EXPECT_EQ(deframer.pending(), 0U);
  }
}

TEST(Deframer, RefusesWhatItCannotTake) {
  std::vector<std::string> messages;
  Deframer deframer(10);
  EXPECT_EQ(deframer.feed({"\0\xff\xff\xff\xff", 5}, messages).error().code(), Code::kResourceExhausted);
  Deframer compressed(10);
  EXPECT_EQ(compressed.feed({"\1\0\0\0\1x", 6}, messages).error().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace cove::rpc
