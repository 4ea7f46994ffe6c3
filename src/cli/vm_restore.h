// Going back to a snapshot from the CLI, whatever state the VM is in. Blocking; one thread.
#pragma once

#include "base/progress.h"
#include "cli/command.h"
#include "store/vm_directory.h"

namespace cove {

struct RestoreWish {
  Snapshot snapshot;
  // What the VM is now: saved as a snapshot of its own first, or given up.
  enum class Present : unsigned char { kKept, kDiscarded } present = Present::kKept;
};

struct Restored {
  std::string kept_as{};  // the snapshot that holds what the VM was; empty: none was needed
  enum class Now : unsigned char { kRuns, kStopped } now = Now::kRuns;
};

// Of a snapshot with memory the VM runs, detached, when it returns; of a disk's it is stopped. Looks at the
// snapshot's files before anything is touched (kDataLoss: which one is damaged). After an error the VM is
// what it was; one that ran waits suspended, as it was, unless that was to be discarded.
Result<Restored> restore_snapshot(const OpContext& ctx, const Environment& env, const VmDirectory& vm,
                                  const RestoreWish& wish, Progress& progress);

}  // namespace cove
