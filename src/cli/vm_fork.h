// Forking VMs from the CLI: from the state to VMs that run.
#pragma once

#include <functional>
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

// How copies of the source are made.
struct VmMaking {
  // kFork: they go on from a state of it. kClone: it is stopped, so they boot from its disk as it is.
  enum class How : unsigned char { kFork, kClone } how = How::kFork;
  std::chrono::microseconds stood_still{0};  // the source; 0: it did not run
  std::function<Result<VmDirectory>(const VmName& copy)> make{};
};
// Of a running VM, which goes on, a state is taken for it. kFailedPrecondition: it is in no state to be
// copied.
Result<VmMaking> plan_copies(const OpContext& ctx, const Environment& env, const ForkSource& source,
                             VmForker::Identity identity);

// Makes the VMs and starts them all at once; returns when they run. After an error, or Ctrl-C, none is left.
Result<void> fork_vms(const OpContext& ctx, const Environment& env, const std::vector<VmName>& names,
                      const VmMaking& making, Progress& progress);

}  // namespace cove
