// port_forwards: the port-forward verb on a user network. Any thread.
#pragma once

#include "net/user_network.h"
#include "proto/control.pb.h"

namespace cove {

Result<vz::control::v1::ControlResponse> serve_port_forward(
    UserNetwork& network, const vz::control::v1::PortForwardCommand& command);

}  // namespace cove
