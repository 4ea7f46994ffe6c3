// machine_types: what machine types the engine has, as cove-vm says, which alone knows engines. Blocking;
// runs a program.
#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"
#include "model/vm_config.h"

namespace cove {

// Fails as the engine does: kNotFound and others with what is missing on this host.
Result<std::vector<std::string>> machine_types_of_engine(const OpContext& ctx, const Environment& env,
                                                         Arch arch);

// kNotFound with the nearest ones, or all. Pure.
Result<void> check_machine_type(const std::string& wanted, const std::vector<std::string>& known);

}  // namespace cove
