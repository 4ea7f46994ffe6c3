// standard_devices: the devices every VM gets, in their pinned order and places. Pure.
#pragma once

#include <vector>

#include "model/machine_spec.h"

namespace cove {

// With a root disk if `paths` names one and a NIC if the configuration wants a network. All of them can be
// saved and loaded by QEMU.
std::vector<DeviceSpec> standard_devices(const VmConfig& config, const MachinePaths& paths);

}  // namespace cove
