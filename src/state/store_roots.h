// store_roots: what the VMs' files name of the store, read without stopping anybody. Any thread.
//
// Ids move between those files while they are read: from pending.json to the file that names what was made,
// from suspend.json to pending.json when a VM resumes, from one VM to another with a fork. pending.json is
// read before the files that things move to from there, which makes the usual move visible at the first look.
// For all others everything is read until two looks in a row are equal: then there was a moment at which the
// files said just this.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "store/home.h"
#include "store/state_records.h"

namespace cove {

struct VmRoots {
  std::string vm{};
  PendingIds pending{};
  bool creating = false;              // its disk need not be there yet
  bool alive = false;                 // somebody holds the run lock: what it speaks for may be in the making
  std::string root_disk{};            // empty: none yet
  std::string suspended{};            // state, or empty
  std::set<std::string> snapshots{};  // states
  std::set<std::string> states() const;  // of snapshots and of suspended
  friend bool operator==(const VmRoots&, const VmRoots&) = default;
};

// One look. A file that cannot be read, or a folder that is not where its link says, is an error: what it
// names cannot be known. kAborted: a VM went while it was looked at.
Result<std::vector<VmRoots>> look_at_roots(const Home& home);
// kAborted: the files changed at every look.
Result<std::vector<VmRoots>> read_roots(const Home& home);

}  // namespace cove
