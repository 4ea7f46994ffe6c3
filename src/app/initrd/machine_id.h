// The guest's machine id is its VM's: the firmware hands it down as the machine's UUID, whatever boots the
// kernel. Called by /init only, before anything else runs.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace cove::initrd {

// Writes it to root/etc/machine-id if that file is there and empty, as images have it. A machine without a
// UUID is left to systemd, which makes an id up.
Result<void> settle_machine_id(const std::filesystem::path& root, const std::filesystem::path& uuid_file);

}  // namespace cove::initrd
