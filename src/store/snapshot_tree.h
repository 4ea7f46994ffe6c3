// SnapshotTree: a VM's snapshots by their names, and which of them its present disk comes from; the content
// of vms/<name>/snapshots.json. A value; the holder of the VM's run lock writes the file. The states
// themselves are objects of the store; what no tree names is swept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cove {

enum class SnapshotKind : unsigned char { kFull, kDisk };  // with memory, or disks only
std::string_view to_string(SnapshotKind kind);

struct Snapshot {
  std::string name{};   // a VmName; unique in the tree, whatever the kind
  std::string state{};  // id of the state in the store
  SnapshotKind kind = SnapshotKind::kFull;
  std::string parent{};      // the snapshot the VM ran from when this was taken; empty: none
  std::string created_at{};  // RFC 3339 UTC
  std::string description{};
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

class SnapshotTree {
 public:
  static constexpr std::size_t kMaxSnapshots = 10'000;

  // Empty text is an empty tree. kDataLoss: what is wrong; kFailedPrecondition: written by a newer cove.
  static Result<SnapshotTree> parse(std::string_view text);
  std::string to_text() const;

  const std::vector<Snapshot>& all() const { return snapshots_; }  // in the order they were taken
  const Snapshot* find(std::string_view name) const;
  // The one the VM runs from, or would: the last that was taken or restored. Empty: none.
  const std::string& current() const { return current_; }

  // As child of the current one, and current from now on. kAlreadyExists; kInvalidArgument for a name that is
  // none; kResourceExhausted beyond kMaxSnapshots.
  Result<void> add(Snapshot snapshot);
  // Its children become its parent's. kNotFound.
  Result<void> remove(std::string_view name);
  Result<void> set_current(std::string_view name);  // kNotFound

  friend bool operator==(const SnapshotTree&, const SnapshotTree&) = default;

 private:
  Result<void> check() const;
  std::vector<Snapshot> snapshots_;
  std::string current_;
};

}  // namespace cove
