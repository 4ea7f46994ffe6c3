// The two small files by which a VM's folder holds on to objects of the store, beside config.json and
// snapshots.json: suspend.json, the state its next run goes on from, and pending.json, the ids that a process
// working on the VM has spoken for. Values; VmDirectory reads and writes the files, the holder of the run
// lock changes them.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

// While it is there and nothing runs, the VM is suspended, and its disk is that state's.
struct SuspendRecord {
  enum class Origin : unsigned char {
    kSuspend,  // the VM itself, as it was; the state is dropped when it runs
    kRestore,  // a snapshot of the VM
    kFork,     // a state of another VM: the guest gets a new identity
  };
  std::string state{};  // id
  Origin origin = Origin::kSuspend;
  std::string snapshot{};      // kRestore: which one; it is the current one when the VM runs
  std::string suspended_at{};  // RFC 3339 UTC

  std::string to_text() const;
  // kDataLoss: what is wrong; kFailedPrecondition: written by a newer cove.
  static Result<SuspendRecord> parse(std::string_view text);
  friend bool operator==(const SuspendRecord&, const SuspendRecord&) = default;
};

std::string_view to_string(SuspendRecord::Origin origin);

// Ids of states, layers and disk nodes that are being made, or used by an engine, and that no other file of
// the VM need name yet: the sweep leaves them alone.
using PendingIds = std::set<std::string>;

std::string pending_text(const PendingIds& ids);
Result<PendingIds> parse_pending(std::string_view text);  // kDataLoss, kFailedPrecondition as above

}  // namespace cove
