// VmForker: VMs made of other VMs: a fork goes on from a saved state at its first run, a clone boots from a
// copy of a disk. Either is another machine than its source: its own MAC address, machine id and host name,
// unless they are kept. Any thread, any process; the run locks are held as needed. On an error nothing is
// left.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "model/vm_config.h"
#include "store/vm_registry.h"

namespace cove {

class VmForker {
 public:
  explicit VmForker(Home home) : registry_(std::move(home)) {}

  enum class Identity : unsigned char { kNew, kKept };
  struct Fork {
    VmName name;
    std::string state;  // id
    // Asked once the new VM has spoken for the state: an error if whoever named it does so no more. Empty:
    // the caller sees to it that it does.
    std::function<Result<void>()> still_named{};
    Identity identity = Identity::kNew;
  };
  // A suspended VM. kAlreadyExists; kNotFound, kDataLoss: the state.
  Result<VmDirectory> fork(const Fork& order);

  enum class Depth : unsigned char {
    kLinked,  // at once; both VMs go on from the disk as it is, and each pays for what it changes
    kFull,    // a disk of its own over the image's
  };
  struct Clone {
    VmName source;
    VmName name;
    Depth depth = Depth::kFull;
    Identity identity = Identity::kNew;
  };
  // A stopped VM. kFailedPrecondition: the source runs or is suspended.
  Result<VmDirectory> clone(const OpContext& ctx, const Clone& order, Progress& progress);

 private:
  Result<void> fill_fork(const VmDirectory& vm, const Fork& order);
  Result<void> fill_clone(const OpContext& ctx, const VmDirectory& vm, const VmDirectory& source,
                          const Clone& order, Progress& progress);
  VmRegistry registry_;
};

}  // namespace cove
