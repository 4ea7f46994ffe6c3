// A VM's snapshots from the CLI, whatever state the VM is in: by its supervisor while it runs, else here
// under its run lock. Blocking; any thread.
#pragma once

#include <string>

#include "cli/output.h"
#include "cli/supervisor_calls.h"

namespace cove {

struct SnapshotWish {
  std::string name;  // a VmName
  std::string description{};
};

struct SavedSnapshot {
  // kLive: the guest went on. kSuspended: what the VM is suspended with has a name now; nothing was copied.
  enum class Way : unsigned char { kLive, kSuspended } way = Way::kLive;
  VmSaved saved{};
};

// On disk when it returns. kAlreadyExists; kFailedPrecondition: the VM has no memory to save.
Result<SavedSnapshot> save_snapshot(const OpContext& ctx, const VmDirectory& vm, const SnapshotWish& wish);

// The one of that name; kNotFound names similar ones.
Result<Snapshot> find_snapshot(const VmDirectory& vm, const SnapshotTree& tree, const std::string& name);

// Takes the name away; its children become its parent's. Files that no name leads to stay for the sweep.
Result<void> delete_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name);

// "web: snapshot base saved (the guest stood still 31 ms, ...)"; `done` says the same for programs.
Deed saved_deed(const VmDirectory& vm, const SnapshotWish& wish, const SavedSnapshot& saved);

}  // namespace cove
