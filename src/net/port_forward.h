// ForwardSpec: what the user writes as -forward HOST:GUEST. Values; pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

// A TCP port of the host that leads to a TCP port of the guest.
struct ForwardSpec {
  std::string host_address = "127.0.0.1";  // dotted IPv4; 0.0.0.0 = every interface
  std::uint16_t host_port = 0;             // 0 = let the host choose
  std::uint16_t guest_port = 0;            // never 0

  bool operator==(const ForwardSpec&) const = default;
};

// "8080:80", "127.0.0.1:8080:80", "localhost:0:22", "*:8080:80", each also with "tcp:" in front.
// kInvalidArgument says which part is wrong; kUnimplemented for udp and IPv6.
Result<ForwardSpec> parse_forward(std::string_view text);
// "127.0.0.1:8080:80": parses back to the same value.
std::string format_forward(const ForwardSpec& forward);

}  // namespace cove
