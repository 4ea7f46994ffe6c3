// VmRegistry: the VMs under a home, found by their names. Any thread, any number of processes: each step is
// one rename, and a crash between steps leaves a VM that observe() describes truly.
#pragma once

#include <optional>
#include <vector>

#include "store/vm_directory.h"

namespace cove {

class VmRegistry {
 public:
  explicit VmRegistry(Home home) : home_(std::move(home)) {}

  const Home& home() const { return home_; }
  // Sorted. Folders whose names are no VM names are not VMs; a missing home holds none.
  Result<std::vector<VmName>> list() const;
  // kNotFound; the hint names similar VMs or says how to make one. Creates nothing.
  Result<VmDirectory> open(const VmName& name) const;
  // Makes the folder with a token and the mark that creation has begun. kAlreadyExists.
  Result<VmDirectory> create(const VmName& name) const;
  // Refused while either is locked. The caller need not hold the lock.
  Result<void> rename(const VmName& from, const VmName& to) const;
  // Takes the VM out of sight in one step, then removes its folder; what only it named in the store is
  // garbage from then on (state/collector.h). Takes the run lock: kFailedPrecondition while the VM runs.
  Result<void> remove(const VmName& name) const;
  // Removes folders that crashes left out of sight. create() and remove() do it, too.
  Result<void> sweep() const;

  Result<std::optional<VmName>> active() const;
  Result<void> set_active(const VmName& name) const;

 private:
  Result<void> clear_active_if(const VmName& name) const;
  Result<void> sweep_locked() const;
  Home home_;
};

}  // namespace cove
