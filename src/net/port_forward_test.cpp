#include "net/port_forward.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace cove {
namespace {

TEST(PortForward, ReadsEveryForm) {
  const struct {
    const char* text;
    ForwardSpec expected;
  } cases[] = {
      {"8080:80", {"127.0.0.1", 8080, 80}},
      {"tcp:8080:80", {"127.0.0.1", 8080, 80}},
      {"127.0.0.1:8080:80", {"127.0.0.1", 8080, 80}},
      {"tcp:192.168.1.5:1:65535", {"192.168.1.5", 1, 65535}},
      {"localhost:0:22", {"127.0.0.1", 0, 22}},
      {"*:2222:22", {"0.0.0.0", 2222, 22}},
      {"0:22", {"127.0.0.1", 0, 22}},
  };
  for (const auto& each : cases) {
    const auto forward = parse_forward(each.text);
    ASSERT_TRUE(forward.ok()) << each.text << ": " << forward.error().message();
    EXPECT_EQ(*forward, each.expected) << each.text;
    const auto again = parse_forward(format_forward(*forward));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, *forward);
  }
}

TEST(PortForward, SaysWhichPartIsWrong) {
  const struct {
    const char* text;
    Code code;
    const char* part;
  } cases[] = {
      {"", Code::kInvalidArgument, "guest's port is missing"},
      {"8080", Code::kInvalidArgument, "guest's port is missing"},
      {"8080:", Code::kInvalidArgument, "no port of the guest"},
      {"8080:0", Code::kInvalidArgument, "no port of the guest"},
      {":80", Code::kInvalidArgument, "no port of the host"},
      {"65536:80", Code::kInvalidArgument, "\"65536\" is no port of the host"},
      {"-1:80", Code::kInvalidArgument, "no port of the host"},
      {"8080:8x", Code::kInvalidArgument, "\"8x\" is no port of the guest"},
      {"99999999999999999999:80", Code::kInvalidArgument, "no port of the host"},
      {"example.org:8080:80", Code::kInvalidArgument, "\"example.org\" is no IPv4 address"},
      {"1.2.3:8080:80", Code::kInvalidArgument, "no IPv4 address"},
      {"1:2:3:4", Code::kInvalidArgument, "too many parts"},
      {"udp:53:53", Code::kUnimplemented, "only TCP"},
      {"[::1]:8080:80", Code::kUnimplemented, "must be IPv4"},
  };
  for (const auto& each : cases) {
    const auto forward = parse_forward(each.text);
    ASSERT_FALSE(forward.ok()) << each.text;
    EXPECT_EQ(forward.error().code(), each.code) << each.text;
    EXPECT_NE(forward.error().message().find(each.part), std::string::npos) << forward.error().message();
  }
  EXPECT_NE(parse_forward("8080").error().hint_text().find("8080:80"), std::string::npos);
  EXPECT_LT(parse_forward(std::string(1 << 20, '1')).error().message().size(), 200U);
}

}  // namespace
}  // namespace cove
