// merge_layers: qcow2 overlays, each over the next, as one new overlay that reads the same. Discarded and
// zeroed parts stay zeros; layers of different sizes read as they did. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "disk/qcow2_clusters.h"

namespace cove {

struct LayerMerge {
  std::filesystem::path to{};           // a new file; remains, unfinished, after an error
  std::vector<Qcow2Clusters> layers{};  // newest first, at least one
  std::string backing_file{};           // of the oldest, as it stands there; empty: none
  std::string backing_format{};         // "raw", "qcow2"
  std::uint64_t backing_bytes = 0;      // size of that disk
};

// The file is on the device when this returns. kFailedPrecondition: a disk is smaller than the one below it.
Result<void> merge_layers(const OpContext& ctx, const LayerMerge& merge, Progress& progress);

}  // namespace cove
