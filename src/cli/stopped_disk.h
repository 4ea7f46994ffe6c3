// Snapshots of the disk of a VM that does not run, made and gone back to by the CLI itself. The caller holds
// the VM's run lock. Blocking.
#pragma once

#include "state/state_manifest.h"
#include "store/vm_directory.h"

namespace cove {

struct DiskSnapshotWish {
  std::string name;  // a VmName that the tree does not have
  std::string description{};
  std::string cove_version{};
};

// The disk as it is becomes a snapshot and is not written to any more: the VM goes on with a new layer over
// it.
Result<void> save_stopped_disk(const VmDirectory& vm, const DiskSnapshotWish& wish);

// The VM's disk is that of the snapshot again. What it was suspended with, or how it crashed, is gone.
Result<void> return_to_disk(const VmDirectory& vm, const Snapshot& snapshot, const StateManifest& state);

}  // namespace cove
