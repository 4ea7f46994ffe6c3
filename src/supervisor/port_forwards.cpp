#include "supervisor/port_forwards.h"

#include <algorithm>
#include <optional>

#include "model/forward_list.h"
#include "supervisor/status_report.h"

namespace cove {
namespace {

using vz::control::v1::ControlResponse;
using vz::control::v1::PortForwardCommand;
using vz::control::v1::PortForwardInfo;

std::string arrow(const ForwardSpec& forward) {
  return forward.host_address + ":" + std::to_string(forward.host_port) +
         " -> guest:" + std::to_string(forward.guest_port);
}

PortForwardInfo& add(ControlResponse& response, const ForwardSpec& forward) {
  auto& info = *response.mutable_port_forwards()->add_forwards();
  info.set_host_address(forward.host_address);
  info.set_host_port(forward.host_port);
  info.set_guest_port(forward.guest_port);
  return info;
}

ControlResponse list(UserNetwork& network) {
  const auto forwards = network.forwards();
  std::string text = "no active port forwards";
  if (!forwards.empty()) text = std::to_string(forwards.size()) + " active:";
  for (const auto& forward : forwards) text += "\n  " + arrow(forward);
  ControlResponse response = message_response(std::move(text));
  response.mutable_port_forwards();
  for (const auto& forward : forwards) add(response, forward).set_connections(network.connections(forward));
  return response;
}

Result<ForwardSpec> spec_from(const PortForwardCommand& command) {
  constexpr std::uint32_t kMaxPort = 65535;
  if (command.host_port() > kMaxPort || command.guest_port() > kMaxPort) {
    return Error(Code::kInvalidArgument, "a port is at most 65535");
  }
  ForwardSpec forward;
  if (!command.host_address().empty()) forward.host_address = command.host_address();
  forward.host_port = static_cast<std::uint16_t>(command.host_port());
  forward.guest_port = static_cast<std::uint16_t>(command.guest_port());
  return forward;
}

// The open one that was configured as `wanted`; for any free host port, one that nobody asked for by number.
std::optional<ForwardSpec> open_one(const UserNetwork& network, const PortForward& wanted,
                                    const std::vector<PortForward>& configured) {
  for (const auto& forward : network.forwards()) {
    if (forward.host_address != wanted.host_address) continue;
    if (wanted.host_port != 0 && forward.host_port == wanted.host_port) return forward;
    if (wanted.host_port != 0 || forward.guest_port != wanted.guest_port) continue;
    const bool by_number = std::any_of(configured.begin(), configured.end(),
                                       [&](auto& other) { return other.host_port == forward.host_port; });
    if (!by_number) return forward;
  }
  return std::nullopt;
}

// What leads elsewhere from the same host port gives way, and comes back if the new one cannot be opened.
Result<ForwardSpec> open_in_place(UserNetwork& network, const ForwardSpec& forward,
                                  const std::vector<PortForward>& configured) {
  const auto before =
      open_one(network, {forward.host_address, forward.host_port, forward.guest_port}, configured);
  if (before && before->guest_port == forward.guest_port) return *before;
  if (before) COVE_TRY(network.remove_forward(before->host_address, before->host_port));
  auto opened = network.add_forward(forward);
  if (!opened.ok() && before) static_cast<void>(network.add_forward(*before));
  return opened;
}

// By the number it was configured with, or the number it has now.
std::vector<PortForward> take_configured(const UserNetwork& network, std::vector<PortForward>& configured,
                                         std::uint16_t port) {
  auto taken = take_forwards(configured, port);
  if (!taken.empty()) return taken;
  for (const auto& forward : network.forwards()) {
    const PortForward any{forward.host_address, 0, forward.guest_port};
    const auto same = std::find(configured.begin(), configured.end(), any);
    if (forward.host_port != port) continue;
    taken.push_back({forward.host_address, forward.host_port, forward.guest_port});
    if (same != configured.end()) configured.erase(same);
  }
  return taken;
}

}  // namespace

Result<ControlResponse> serve_lasting_forward(UserNetwork& network, const VmDirectory& directory,
                                              const PortForwardCommand& command) {
  const ForwardSpec forward = COVE_TRY(spec_from(command));
  auto config = COVE_TRY(directory.load_config());
  if (command.action() == "start" && forward.guest_port != 0) {
    const ForwardSpec opened = COVE_TRY(open_in_place(network, forward, config.forwards));
    put_forward(config.forwards, {forward.host_address, forward.host_port, forward.guest_port});
    COVE_TRY(directory.save_config(config));
    ControlResponse response = message_response("forwarding " + arrow(opened));
    add(response, opened);
    return response;
  }
  if (command.action() != "stop") return Error(Code::kInvalidArgument, "a lasting forward: start or stop");
  const std::string port = std::to_string(forward.host_port);
  const auto before = config.forwards;
  const auto taken = take_configured(network, config.forwards, forward.host_port);
  if (taken.empty()) return Error(Code::kNotFound, "no forward on host port " + port);
  for (const auto& gone : taken) {
    if (const auto open = open_one(network, gone, before)) {
      COVE_TRY(network.remove_forward(open->host_address, open->host_port));
    }
  }
  COVE_TRY(directory.save_config(config));
  return message_response("stopped forwarding " + port);
}

Result<ControlResponse> serve_port_forward(UserNetwork& network, const PortForwardCommand& command) {
  if (command.action() == "list") return list(network);
  const ForwardSpec forward = COVE_TRY(spec_from(command));
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
