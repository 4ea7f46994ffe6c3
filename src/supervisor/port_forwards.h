// port_forwards: the port-forward verb on a user network. Any thread, except as said.
#pragma once

#include "net/user_network.h"
#include "proto/control.pb.h"
#include "store/vm_directory.h"

namespace cove {

Result<vz::control::v1::ControlResponse> serve_port_forward(
    UserNetwork& network, const vz::control::v1::PortForwardCommand& command);

// The same for every later start too: `directory`'s configuration is changed along. One at a time: the
// supervisor's loop.
Result<vz::control::v1::ControlResponse> serve_lasting_forward(
    UserNetwork& network, const VmDirectory& directory, const vz::control::v1::PortForwardCommand& command);

}  // namespace cove
