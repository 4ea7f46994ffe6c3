#include "disk/disk_chain.h"

#include <algorithm>
#include <set>

#include "base/file_lock.h"
#include "base/files.h"
#include "disk/layer_merge.h"

namespace cove {
namespace {

constexpr std::size_t kMaxChainLength = 4096;
// What a node takes in the chain even if it is empty: a file to open, its tables to write.
constexpr std::uint64_t kNodeBytes = std::uint64_t{64} << 10U;

Result<void> pass(const StepGate& gate, std::string_view step) { return gate ? gate(step) : Result<void>(); }

std::filesystem::path hidden_path(const DiskNodes& nodes, const std::string& id, std::string_view what) {
  return nodes.folder() / ("." + id + "." + std::string(what));
}

Result<FileLock> lock_merges(const OpContext& ctx, const DiskNodes& nodes) {
  return FileLock::acquire_waiting(ctx, nodes.folder().parent_path() / "merge.lock", "merge\n")
      .context("waiting for another merge of disks");
}

Result<void> check_chain(const DiskNodes& nodes, const ChainSegment& segment) {
  std::string above = segment.child;
  for (const auto& id : segment.nodes) {
    const auto info = COVE_TRY(COVE_TRY(nodes.open(above)).info());
    if (DiskNodes::node_below(info) != id)
      return Error(Code::kAborted, "disk " + above + " does not stand on disk " + id + " any more");
    above = id;
  }
  return {};
}

// With everything open; from then on the nodes' names do not matter.
Result<LayerMerge> open_layers(const DiskNodes& nodes, const std::vector<std::string>& ids,
                               std::filesystem::path to) {
  LayerMerge merge{.to = std::move(to)};
  for (const auto& id : ids)
    merge.layers.push_back(COVE_TRY(Qcow2Clusters::open(COVE_TRY(nodes.path_of(id)))));
  const auto& oldest = merge.layers.back().header();
  merge.backing_file = oldest.backing_file;
  merge.backing_format = oldest.backing_format;
  const auto info = COVE_TRY(COVE_TRY(nodes.open(ids.back())).info());
  if (info.backing) {
    const auto below = COVE_TRY(DiskImage::open(*info.backing, info.backing_format));
    merge.backing_bytes = COVE_TRY(below.info()).virtual_bytes;
  }
  return merge;
}

// Makes the node new_id of the layers.
Result<void> make_node(const OpContext& ctx, const LayerMerge& merge, const std::filesystem::path& node,
                       const StepGate& gate, Progress& progress) {
  COVE_TRY(pass(gate, "merged node"));
  COVE_TRY(remove_tree(merge.to));  // of an attempt that was stopped
  COVE_TRY(merge_layers(ctx, merge, progress));
  COVE_TRY(pass(gate, "name of the merged node"));
  return rename_durably(merge.to, node);
}

Result<void> replace_child(const OpContext& ctx, const DiskNodes& nodes, const ChainMerge& merge,
                           const std::filesystem::path& hidden, Progress& progress) {
  COVE_TRY(pass(merge.gate, "copy of the node above"));
  COVE_TRY(remove_tree(hidden));
  const auto child = COVE_TRY(nodes.open(merge.segment.child));
  const auto copy = COVE_TRY(child.clone_to(ctx, hidden, progress));
  COVE_TRY(copy.rename_backing(merge.new_id));
  COVE_TRY(pass(merge.gate, "node above"));
  return rename_durably(hidden, child.path());
}

}  // namespace

Result<std::vector<std::string>> chain_of(const DiskNodes& nodes, std::string_view id) {
  std::vector<std::string> chain;
  std::set<std::string> seen;
  for (std::optional<std::string> next{id}; next;) {
    if (!seen.insert(*next).second) return Error(Code::kDataLoss, "disk " + *next + " stands on itself");
    if (chain.size() == kMaxChainLength)
      return Error(Code::kDataLoss, "disk " + std::string(id) + " stands on too many others");
    const auto info = COVE_TRY(COVE_TRY(nodes.open(*next)).info());
    chain.push_back(std::move(*next));
    next = DiskNodes::node_below(info);
  }
  return chain;
}

std::optional<MergeSpan> plan_merge(const std::vector<std::uint64_t>& bytes) {
  if (bytes.size() <= kMaxChainNodes) return std::nullopt;
  const auto excess = bytes.size() - kMaxChainNodes;
  std::optional<MergeSpan> best;
  double least = 0;
  for (std::size_t first = kFirstMergeable; first < bytes.size(); ++first) {
    // The node above is written, too.
    auto written = static_cast<double>(bytes[first - 1] + bytes[first] + 2 * kNodeBytes);
    for (std::size_t last = first + 1; last < bytes.size(); ++last) {
      written += static_cast<double>(bytes[last] + kNodeBytes);
      const auto fewer = last - first;
      if (fewer < excess) continue;
      // Squared: taking away many at once leaves room for as many before the next merge.
      const auto weight = written / static_cast<double>(fewer * fewer);
      if (best && weight >= least) continue;
      least = weight;
      best = MergeSpan{first, fewer + 1};
    }
  }
  return best;
}

Result<std::optional<ChainSegment>> next_merge(const DiskNodes& nodes, std::string_view id) {
  const auto chain = COVE_TRY(chain_of(nodes, id));
  if (chain.size() <= kMaxChainNodes) return std::optional<ChainSegment>();
  std::vector<std::uint64_t> bytes;
  bytes.reserve(chain.size());
  for (const auto& node : chain) bytes.push_back(COVE_TRY(allocated_bytes(COVE_TRY(nodes.path_of(node)))));
  const auto span = plan_merge(bytes);
  if (!span) return std::optional<ChainSegment>();
  const auto first = chain.begin() + static_cast<std::ptrdiff_t>(span->first);
  return std::optional<ChainSegment>(
      ChainSegment{chain[span->first - 1], {first, first + static_cast<std::ptrdiff_t>(span->count)}});
}

Result<void> merge_segment(const OpContext& ctx, const DiskNodes& nodes, const ChainMerge& merge,
                           Progress& progress) {
  if (merge.segment.nodes.empty()) return Error(Code::kInvalidArgument, "nothing to merge");
  const FileLock lock = COVE_TRY(lock_merges(ctx, nodes));
  COVE_TRY(check_chain(nodes, merge.segment));
  const auto node = COVE_TRY(nodes.path_of(merge.new_id));
  const auto copy = hidden_path(nodes, merge.new_id, "above");
  const auto layers =
      COVE_TRY(open_layers(nodes, merge.segment.nodes, hidden_path(nodes, merge.new_id, "new")));
  auto done = make_node(ctx, layers, node, merge.gate, progress);
  if (done.ok()) done = replace_child(ctx, nodes, merge, copy, progress);
  if (done.ok()) return pass(merge.gate, "done");
  for (const auto& path : {copy, layers.to}) static_cast<void>(remove_tree(path));
  // A rename may have happened although it could not be made durable.
  if (check_chain(nodes, merge.segment).ok()) static_cast<void>(remove_tree(node));
  return std::move(done).context("merging disks below " + merge.segment.child);
}

Result<void> flatten_chain(const OpContext& ctx, const DiskNodes& nodes, const ChainCopy& copy,
                           Progress& progress) {
  const auto node = COVE_TRY(nodes.path_of(copy.new_id));
  const auto open_all = [&]() -> Result<LayerMerge> {
    const FileLock lock = COVE_TRY(lock_merges(ctx, nodes));
    return open_layers(nodes, COVE_TRY(chain_of(nodes, copy.id)), hidden_path(nodes, copy.new_id, "new"));
  };
  const auto layers = COVE_TRY(open_all());
  auto done = make_node(ctx, layers, node, copy.gate, progress);
  if (done.ok()) return pass(copy.gate, "done");
  for (const auto& path : {layers.to, node}) static_cast<void>(remove_tree(path));
  return std::move(done).context("copying disk " + copy.id);
}

}  // namespace cove
