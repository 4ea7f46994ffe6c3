#include "cli/forward_flag.h"

#include <arpa/inet.h>

#include "base/strings.h"

namespace cove {
namespace {

bool is_loopback(const std::string& address) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, address.c_str(), &parsed) == 1 && (ntohl(parsed.s_addr) >> 24U) == 127;
}

}  // namespace

Result<PortForward> parse_forward_flag(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "-forward " + std::string(text) + ": " + why)
        .hint("write HOSTPORT:GUESTPORT, such as 8080:80, or GUESTPORT for any free host port");
  };
  const auto port = [](std::string_view digits) -> std::optional<std::uint16_t> {
    const auto number = parse_u64(digits);
    if (!number || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
  };
  const auto parts = split(text, ':');
  PortForward forward;
  if (parts.size() > 3) return bad("too many colons");
  if (parts.size() == 3) forward.host_address = std::string(parts[0]);
  if (!is_loopback(forward.host_address)) return bad("only loopback addresses (127.x.x.x) are served");
  const auto guest = port(parts.back());
  if (!guest || *guest == 0) return bad("the guest's port must be 1 to 65535");
  forward.guest_port = *guest;
  if (parts.size() > 1) {
    const auto host = port(parts[parts.size() - 2]);
    if (!host) return bad("the host's port must be 0 to 65535");
    forward.host_port = *host;
  }
  return forward;
}

}  // namespace cove
