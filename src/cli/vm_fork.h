// Forking VMs from the CLI: from the state to VMs that run.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "cli/command.h"
#include "provision/vm_forker.h"

namespace cove {

struct ForkSource {
  VmDirectory vm;
  std::string snapshot{};  // empty: as the VM is now
};
// "web" or "web@base". kNotFound names similar ones.
Result<ForkSource> parse_fork_source(const Environment& env, const std::string& text);

struct ForkBase {
  std::string state{};                       // id
  std::chrono::microseconds stood_still{0};  // the source; 0: it did not run
};
// The state that forks of it go on from: the snapshot's, a suspended VM's, or one that is taken of a running
// VM, which goes on. kFailedPrecondition: it has none, because it is stopped.
Result<ForkBase> fork_base(const OpContext& ctx, const ForkSource& source);

// Makes the VMs and starts them all at once; returns when they run. After an error, or Ctrl-C, those that do
// not run are deleted again.
Result<void> fork_vms(const OpContext& ctx, const Environment& env, const std::vector<VmName>& names,
                      const std::string& state, VmForker::Identity identity, Progress& progress);

}  // namespace cove
