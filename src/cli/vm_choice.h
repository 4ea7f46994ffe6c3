// Which VM a command works on: the name given (-vm or a plain word), else COVE_VM, else the current one
// (`cove vm set`), else the only one, else "default". Nothing is ever created here.
#pragma once

#include "cli/command.h"
#include "store/vm_registry.h"

namespace cove {

VmRegistry registry_of(const Environment& env);

// The name alone, known or not. `word` is the plain word that names a VM, nullptr if the command takes none.
// Usage errors: -vm and the word differ, a name no VM can have.
Result<VmName> choose_name(Invocation& inv, const std::string* word);
// The VM itself, which exists; kNotFound names similar ones.
Result<VmDirectory> choose_vm(Invocation& inv, const std::string* word);
// The same with the invocation's first plain word, if it has one.
Result<VmDirectory> choose_vm(Invocation& inv);
// Several: every plain word, or all of them with -all; one by the rules above if nothing is given.
Result<std::vector<VmDirectory>> choose_vms(Invocation& inv);

}  // namespace cove
