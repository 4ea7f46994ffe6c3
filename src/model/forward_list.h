// forward_list: changing the port forwards of a configuration. Pure; any thread.
#pragma once

#include <vector>

#include "model/vm_config.h"

namespace cove {

// In place of the one on the same host port; without a host port of its own, of the one that is like it.
void put_forward(std::vector<PortForward>& forwards, const PortForward& forward);

// Takes out and returns those on this port of the host; of those on any free host port, those that lead to
// this port of the guest.
std::vector<PortForward> take_forwards(std::vector<PortForward>& forwards, std::uint16_t port);

// "127.0.0.1:8080 -> guest port 80"; "any free port" for host port 0.
std::string to_string(const PortForward& forward);

}  // namespace cove
