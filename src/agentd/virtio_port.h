// The guest's end of the virtio-serial port: found by its name in sysfs, so that it works before udev has
// made links, and waited for when the driver comes later. Blocking.
#pragma once

#include <filesystem>

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove::agentd {

// The device of the port called `name`; kNotFound if the kernel offers none (yet).
Result<std::filesystem::path> find_virtio_port(const std::filesystem::path& sysfs, std::string_view name);
// Waits for the port and opens it, non-blocking.
Result<UniqueFd> open_virtio_port(const OpContext& ctx, std::string_view name);

}  // namespace cove::agentd
