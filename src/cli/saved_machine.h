// What a VM goes on with when it goes on from a saved state, beside what its configuration says. Pure.
#pragma once

#include <string>
#include <vector>

#include "state/state_manifest.h"

namespace cove {

// One line for each thing that a cold boot would make otherwise: "1.0 GB of memory (its configuration says
// 2.0 GB)". Disks are no such thing: they are as large as the configuration says, or larger.
std::vector<std::string> saved_machine_differences(const StateManifest& state, const VmConfig& config);

// "web goes on with the machine it was saved with: 1.0 GB of memory (its configuration says 2.0 GB)"
std::string saved_machine_text(const std::string& vm, const std::vector<std::string>& differences);
// The same as a member of what a command prints for programs; nothing if there are none.
void add_differences(Json& json, const std::vector<std::string>& differences);

}  // namespace cove
