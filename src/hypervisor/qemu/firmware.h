// firmware: finds a UEFI firmware by the descriptors QEMU's packages install (docs/interop/firmware.json
// there). Reads files; any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "hypervisor/qemu/qemu_host.h"

namespace cove {

// The first fitting descriptor, folders in the order given, files by name: flash with a separate variable
// store, no Secure Boot, no SMM, both files there. nullopt if there is none.
std::optional<QemuFirmware> find_firmware(const std::vector<std::filesystem::path>& folders, Arch arch);

}  // namespace cove
