// Makes the initial RAM disk for one kernel: this program as /init, and the modules it loads. Run while an
// image is built and by the guest itself when it gets a new kernel.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace cove::initrd {

// modules: "/lib/modules/6.1.0-1-cloud-amd64". kNotFound if there is no such kernel.
Result<void> pack(const std::filesystem::path& modules, const std::filesystem::path& output);

}  // namespace cove::initrd
