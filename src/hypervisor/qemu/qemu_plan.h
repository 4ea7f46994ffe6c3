// qemu_plan: VmConfig and files -> MachineSpec. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hypervisor/qemu/qemu_host.h"
#include "model/machine_spec.h"

namespace cove {

// "pc-q35-7.2", "virt-7.2" for QEMU version "7.2.22".
std::string versioned_machine_type(Arch arch, std::string_view qemu_version);
Result<MachineSpec> qemu_plan(const QemuHost& host, const VmConfig& config, const MachinePaths& paths);

}  // namespace cove
