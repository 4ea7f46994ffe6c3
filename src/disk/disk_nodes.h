// DiskNodes: the disks in COVE_HOME/store/disk/<id>, one qcow2 file each, named by 32 hex digits. VMs hold
// ids; a node may be another node's backing file. Any thread, any process: ids are random, files appear
// whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "disk/disk_image.h"

namespace cove {

class DiskNodes {
 public:
  // `home` is COVE_HOME; store/disk is made when first needed (0700).
  explicit DiskNodes(const std::filesystem::path& home);

  const std::filesystem::path& folder() const { return folder_; }
  // The node that a disk stands on, told from its backing file's name alone: store/disk/<id>, by whatever
  // path the home was called when it was written. Nothing for an image's disk.
  static std::optional<std::string> node_below(const DiskInfo& info);
  // The file of a node; kInvalidArgument unless id is 32 lower-case hex digits. Does not look at the disk.
  Result<std::filesystem::path> path_of(std::string_view id) const;
  Result<DiskImage> open(std::string_view id) const;
  // A new overlay over `base` (an image's disk or another node) with `bytes` of room; returns its id.
  Result<std::string> create_overlay(const DiskImage& base, std::uint64_t bytes) const;
  // A new overlay named `id` over node `below`, on disk when it returns; with at least `bytes` of room, and
  // as much as that has. The caller has spoken for the id.
  Result<void> add_overlay(std::string_view below, std::string_view id, std::uint64_t bytes) const;
  // A missing node is fine. kFailedPrecondition if another node has it as backing file.
  Result<void> remove(std::string_view id) const;
  Result<std::vector<std::string>> list() const;  // ids, sorted
  // Ids of the nodes whose backing file is `file`.
  Result<std::vector<std::string>> users_of(const std::filesystem::path& file) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace cove
