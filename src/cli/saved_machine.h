// What a VM goes on with when it goes on from a saved state, beside what its configuration says. Pure.
#pragma once

#include <string>
#include <vector>

#include "state/state_manifest.h"

namespace cove {

// One line for each thing that a cold boot would make otherwise: "1.0 GB of memory (its configuration says
// 2.0 GB)". Disks are no such thing: they are as large as the configuration says, or larger.
std::vector<std::string> saved_machine_differences(const StateManifest& state, const VmConfig& config);

}  // namespace cove
