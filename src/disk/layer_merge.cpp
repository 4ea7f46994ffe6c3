#include "disk/layer_merge.h"

#include <algorithm>

#include "disk/qcow2_writer.h"

namespace cove {
namespace {

using ClusterKind = Qcow2Cluster::Kind;

constexpr std::size_t kRunClusters = 128;  // between two looks at whether to go on
constexpr std::uint64_t kTableBytes = kQcow2Cluster * kQcow2TableEntries;

// One table of the merged disk: what the newest layer that has something says.
struct MergedTable {
  std::vector<Qcow2Cluster> clusters = std::vector<Qcow2Cluster>(kQcow2TableEntries);
  std::vector<std::size_t> layer = std::vector<std::size_t>(kQcow2TableEntries);  // whose data it is
};

class Merger {
 public:
  Merger(const LayerMerge& merge, Qcow2Writer writer, Progress& progress)
      : merge_(merge), writer_(std::move(writer)), progress_(progress) {
    for (const auto& layer : merge_.layers) total_ += layer.file_bytes();
  }

  Result<void> run(const OpContext& ctx) {
    for (std::size_t number = 0; number < merge_.layers.front().tables(); ++number) {
      auto table = COVE_TRY(look_up(number));
      COVE_TRY(copy_data(ctx, number, table));
      COVE_TRY(writer_.put_table(number, table.clusters));
    }
    COVE_TRY(ctx.check());
    COVE_TRY(writer_.finish());
    progress_.amount(total_, total_);
    return {};
  }

 private:
  Result<MergedTable> look_up(std::size_t number) const;
  Result<void> copy_data(const OpContext& ctx, std::size_t number, MergedTable& table);
  std::size_t run_length(const MergedTable& table, std::size_t begin) const;

  const LayerMerge& merge_;
  Qcow2Writer writer_;
  Progress& progress_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
};

Result<MergedTable> Merger::look_up(std::size_t number) const {
  MergedTable merged;
  for (std::size_t i = 0; i < merge_.layers.size(); ++i) {
    const auto& layer = merge_.layers[i];
    const auto table = COVE_TRY(layer.table(number));
    for (std::size_t at = 0; at < table.size(); ++at) {
      const auto guest = number * kTableBytes + at * kQcow2Cluster;
      if (merged.clusters[at].kind != ClusterKind::kAbsent || guest >= layer.header().virtual_bytes) continue;
      merged.clusters[at] = table[at];
      merged.layer[at] = i;
    }
  }
  for (std::size_t at = 0; at < merged.clusters.size(); ++at) {
    // Where nothing is below there is nothing to hide.
    const auto guest = number * kTableBytes + at * kQcow2Cluster;
    auto& cluster = merged.clusters[at];
    if (cluster.kind == ClusterKind::kZeros && guest >= merge_.backing_bytes) cluster = {};
  }
  return merged;
}

// Clusters from `begin` that lie behind each other in the same layer.
std::size_t Merger::run_length(const MergedTable& table, std::size_t begin) const {
  const auto& first = table.clusters[begin];
  std::size_t length = 1;
  while (length < kRunClusters && begin + length < table.clusters.size()) {
    const auto& next = table.clusters[begin + length];
    if (next.kind != ClusterKind::kData || table.layer[begin + length] != table.layer[begin] ||
        next.offset != first.offset + length * kQcow2Cluster)
      break;
    ++length;
  }
  return length;
}

Result<void> Merger::copy_data(const OpContext& ctx, std::size_t number, MergedTable& table) {
  for (std::size_t at = 0; at < table.clusters.size();) {
    if (table.clusters[at].kind != ClusterKind::kData) {
      ++at;
      continue;
    }
    COVE_TRY(ctx.check());
    const auto& layer = merge_.layers[table.layer[at]];
    const auto from = table.clusters[at].offset;
    const auto guest = number * kTableBytes + at * kQcow2Cluster;
    const auto length = run_length(table, at);
    // Past the end of the layer's disk or file it read as zeros, whatever the rest of the cluster holds.
    const auto bytes = std::min({length * kQcow2Cluster, layer.header().virtual_bytes - guest,
                                 layer.file_bytes() > from ? layer.file_bytes() - from : 0});
    const auto to = writer_.take();
    table.clusters[at].offset = to;
    for (std::size_t i = 1; i < length; ++i) table.clusters[at + i].offset = writer_.take();
    COVE_TRY(writer_.copy(layer.fd(), from, to, bytes));
    at += length;
    done_ = std::min(done_ + bytes, total_);
    progress_.amount(done_, total_);
  }
  return {};
}

// A disk that is smaller than the one below hides that one's end, which one layer cannot say.
Result<void> check_sizes(const LayerMerge& merge) {
  auto below = merge.backing_bytes;
  for (auto layer = merge.layers.rbegin(); layer != merge.layers.rend(); ++layer) {
    if (layer->header().virtual_bytes < below)
      return Error(Code::kFailedPrecondition, "a disk of the chain is smaller than the one below it");
    below = layer->header().virtual_bytes;
  }
  return {};
}

}  // namespace

Result<void> merge_layers(const OpContext& ctx, const LayerMerge& merge, Progress& progress) {
  COVE_TRY(check_sizes(merge));
  auto writer = COVE_TRY(Qcow2Writer::create({.path = merge.to,
                                              .virtual_bytes = merge.layers.front().header().virtual_bytes,
                                              .backing_file = merge.backing_file,
                                              .backing_format = merge.backing_format}));
  return Merger(merge, std::move(writer), progress).run(ctx).context("writing " + merge.to.string());
}

}  // namespace cove
