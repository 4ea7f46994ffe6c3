#include "supervisor/port_forwards.h"

#include "supervisor/status_report.h"

namespace cove {
namespace {

using vz::control::v1::ControlResponse;
using vz::control::v1::PortForwardCommand;

std::string arrow(const ForwardSpec& forward) {
  return forward.host_address + ":" + std::to_string(forward.host_port) +
         " -> guest:" + std::to_string(forward.guest_port);
}

void add(ControlResponse& response, const ForwardSpec& forward) {
  auto& info = *response.mutable_port_forwards()->add_forwards();
  info.set_host_address(forward.host_address);
  info.set_host_port(forward.host_port);
  info.set_guest_port(forward.guest_port);
}

ControlResponse list(UserNetwork& network) {
  const auto forwards = network.forwards();
  std::string text = "no active port forwards";
  if (!forwards.empty()) text = std::to_string(forwards.size()) + " active:";
  for (const auto& forward : forwards) text += "\n  " + arrow(forward);
  ControlResponse response = message_response(std::move(text));
  response.mutable_port_forwards();
  for (const auto& forward : forwards) add(response, forward);
  return response;
}

}  // namespace

Result<ControlResponse> serve_port_forward(UserNetwork& network, const PortForwardCommand& command) {
  constexpr std::uint32_t kMaxPort = 65535;
  if (command.action() == "list") return list(network);
  if (command.host_port() > kMaxPort || command.guest_port() > kMaxPort) {
    return Error(Code::kInvalidArgument, "a port is at most 65535");
  }
  ForwardSpec forward;
  if (!command.host_address().empty()) forward.host_address = command.host_address();
  forward.host_port = static_cast<std::uint16_t>(command.host_port());
  forward.guest_port = static_cast<std::uint16_t>(command.guest_port());
  const std::string port = std::to_string(forward.host_port);
  if (command.action() == "start") {
    if (forward.guest_port == 0) return Error(Code::kInvalidArgument, "host_port and guest_port required");
    for (const auto& existing : network.forwards()) {
      if (existing.host_port == forward.host_port && existing.host_address == forward.host_address) {
        return Error(Code::kAlreadyExists, "host port " + port + " already forwarded");
      }
    }
    const ForwardSpec opened = COVE_TRY(network.add_forward(forward));
    ControlResponse response = message_response("forwarding " + arrow(opened));
    add(response, opened);
    return response;
  }
  if (command.action() == "stop") {
    if (!network.remove_forward(forward.host_address, forward.host_port).ok()) {
      return Error(Code::kNotFound, "no forward on host port " + port);
    }
    return message_response("stopped forwarding " + forward.host_address + ":" + port);
  }
  return Error(Code::kInvalidArgument, "unknown port-forward action: " + command.action());
}

}  // namespace cove
