#include "net/port_forward.h"

#include <arpa/inet.h>

#include <optional>
#include <vector>

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::string_view kForm = "write [ADDRESS:]HOSTPORT:GUESTPORT, as in 8080:80 or 127.0.0.1:8080:80";
constexpr std::size_t kMaxLength = 64;

Error malformed(std::string_view text, std::string_view why) {
  return Error(Code::kInvalidArgument, "forward \"" + std::string(text) + "\": " + std::string(why))
      .hint(kForm);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<std::string> parse_address(std::string_view text) {
  if (text == "localhost") return "127.0.0.1";
  if (text == "*") return "0.0.0.0";
  const std::string address(text);
  in_addr binary{};
  if (::inet_pton(AF_INET, address.c_str(), &binary) != 1) return std::nullopt;
  return address;
}

}  // namespace

Result<ForwardSpec> parse_forward(std::string_view text) {
  if (text.size() > kMaxLength) return malformed(text.substr(0, kMaxLength), "too long");
  std::string_view rest = text;
  if (rest.starts_with("tcp:")) rest.remove_prefix(4);
  if (rest.starts_with("udp:")) {
    return Error(Code::kUnimplemented, "forward \"" + std::string(text) + "\": only TCP ports are forwarded");
  }
  if (rest.starts_with("[")) {
    return Error(Code::kUnimplemented,
                 "forward \"" + std::string(text) + "\": the host's address must be IPv4");
  }
  const std::vector<std::string_view> parts = split(rest, ':');
  if (parts.size() != 2 && parts.size() != 3) {
    return malformed(text, parts.size() < 2 ? "the guest's port is missing" : "too many parts");
  }
  ForwardSpec forward;
  if (parts.size() == 3) {
    const auto address = parse_address(parts[0]);
    if (!address) return malformed(text, "\"" + std::string(parts[0]) + "\" is no IPv4 address");
    forward.host_address = *address;
  }
  const std::string_view host = parts[parts.size() - 2];
  const std::string_view guest = parts[parts.size() - 1];
  const auto host_port = parse_port(host);
  if (!host_port) return malformed(text, "\"" + std::string(host) + "\" is no port of the host (0 to 65535)");
  const auto guest_port = parse_port(guest);
  if (!guest_port || *guest_port == 0) {
    return malformed(text, "\"" + std::string(guest) + "\" is no port of the guest (1 to 65535)");
  }
  forward.host_port = *host_port;
  forward.guest_port = *guest_port;
  return forward;
}

std::string format_forward(const ForwardSpec& forward) {
  return forward.host_address + ":" + std::to_string(forward.host_port) + ":" +
         std::to_string(forward.guest_port);
}

}  // namespace cove
