// Disk chains: every state of a VM adds a disk node over the one before, and an engine opens them all at each
// start. Here chains are walked, kept short by merging nodes, and copied into one node.
//
// Nothing that a state names ever reads differently: a merge makes a new node and puts in place of the node
// above a copy of it that says the new name, by one rename. After a stop anywhere the chain reads the same;
// what is left over is a hidden file ".<new id>.*" or a node that nothing names, and the sweep takes both.
// Nodes that are no longer needed stay for whoever still uses them, until the sweep. An engine that runs has
// the old files open and keeps them, names or not.
//
// Any thread, any process. The caller holds the run lock of a VM whose disk stands on the chain, and has
// spoken for the new id in the VM's pending.json. Merges of one store wait for each other (store/merge.lock).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/step_gate.h"
#include "disk/disk_nodes.h"

namespace cove {

inline constexpr std::size_t kMaxChainNodes = 16;  // what chains are kept at
// The newest two are let alone: the first is written to by the VM, and, for the moment in which a state is
// taken, so is the second. The third may be put in place of by a copy, so that the fourth can be merged.
inline constexpr std::size_t kFirstMergeable = 3;

// Ids from `id` down to the last node of the store, whose backing file is an image's disk (or none). Reads
// headers only. kNotFound; kDataLoss: a circle, or more than 4096 nodes.
Result<std::vector<std::string>> chain_of(const DiskNodes& nodes, std::string_view id);

// Positions in a chain, newest first.
struct MergeSpan {
  std::size_t first = 0;
  std::size_t count = 0;
  friend bool operator==(const MergeSpan&, const MergeSpan&) = default;
};
// Which nodes to make one of, by the bytes each takes on the host, newest first; nothing for a chain of
// kMaxChainNodes or less. The bytes written per node taken away are weighed against how many are taken away,
// so that small nodes are merged often, large ones seldom, and each byte is written a few times in its life.
std::optional<MergeSpan> plan_merge(const std::vector<std::uint64_t>& bytes);

struct ChainSegment {
  std::string child{};               // the node above the segment
  std::vector<std::string> nodes{};  // newest first
};
// The merge that the chain of this disk wants, if it does.
Result<std::optional<ChainSegment>> next_merge(const DiskNodes& nodes, std::string_view id);

struct ChainMerge {
  ChainSegment segment{};
  std::string new_id{};
  StepGate gate = nullptr;
};
// Puts one node, `new_id`, in place of the segment, for `child` and what stands over it. No node of it, nor
// the child, may be written to meanwhile. On an error nothing has changed. kAborted: the chain is another one
// by now; kFailedPrecondition: a disk is smaller than the one below it.
Result<void> merge_segment(const OpContext& ctx, const DiskNodes& nodes, const ChainMerge& merge,
                           Progress& progress);

struct ChainCopy {
  std::string id{};
  std::string new_id{};
  StepGate gate = nullptr;
};
// A node of its own that reads like `id`: everything down to the image's disk, which it stands on. No node of
// the chain may be written to meanwhile. On an error there is no new node.
Result<void> flatten_chain(const OpContext& ctx, const DiskNodes& nodes, const ChainCopy& copy,
                           Progress& progress);

}  // namespace cove
