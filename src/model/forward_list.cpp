#include "model/forward_list.h"

#include <algorithm>

namespace cove {
namespace {

bool take_same_place(const PortForward& a, const PortForward& b) {
  if (a.host_address != b.host_address || a.host_port != b.host_port) return false;
  return a.host_port != 0 || a.guest_port == b.guest_port;
}

}  // namespace

void put_forward(std::vector<PortForward>& forwards, const PortForward& forward) {
  const auto same = std::find_if(forwards.begin(), forwards.end(),
                                 [&](const auto& known) { return take_same_place(known, forward); });
  if (same == forwards.end()) {
    forwards.push_back(forward);
  } else {
    *same = forward;
  }
}

std::vector<PortForward> take_forwards(std::vector<PortForward>& forwards, std::uint16_t port) {
  const auto stays = [port](const PortForward& forward) {
    return (forward.host_port != 0 ? forward.host_port : forward.guest_port) != port;
  };
  const auto end = std::stable_partition(forwards.begin(), forwards.end(), stays);
  std::vector<PortForward> taken(end, forwards.end());
  forwards.erase(end, forwards.end());
  return taken;
}

std::string to_string(const PortForward& forward) {
  const std::string port = forward.host_port == 0 ? "any free port" : std::to_string(forward.host_port);
  return forward.host_address + ":" + port + " -> guest port " + std::to_string(forward.guest_port);
}

}  // namespace cove
