// What the snapshot commands have in common: the names on their command lines, and how a tree of snapshots is
// told. One thread.
#pragma once

#include "cli/command.h"
#include "cli/vm_snapshots.h"
#include "state/object_sizes.h"

namespace cove {

// Each plain word is a name that a snapshot can have; else a usage error.
Result<void> check_snapshot_names(Invocation& inv);

struct TreeRow {
  const Snapshot* snapshot;
  std::size_t depth;  // 0: it has no parent
};
// Children stand behind their parents, siblings in the order they were taken. Borrows from `tree`.
std::vector<TreeRow> tree_rows(const SnapshotTree& tree);

// Its members: name, kind, parent, created_at, description, state.
void add_json(Json& json, const Snapshot& snapshot);

// Of all states; if they cannot be told, none, and a note says why.
StoreSizes sizes_for_list(Invocation& inv, const VmDirectory& vm);
// own_bytes, shared_bytes, freed_by_delete_bytes, if they are known.
void add_sizes(Json& json, const StoreSizes& sizes, const std::string& state);

}  // namespace cove
