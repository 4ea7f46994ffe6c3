// Home: the folder that holds everything of cove (COVE_HOME, by default ~/.vz), and the names inside it.
// A value; any thread. Nobody else joins paths below it.
//   vms/<name>/  store/{ram,disk,states}/<id>  cache/  templates/  current
#pragma once

#include <filesystem>
#include <string>

#include "base/file_lock.h"
#include "base/result.h"
#include "model/object_id.h"
#include "model/vm_name.h"

namespace cove {

class Home {
 public:
  explicit Home(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path vms() const { return root_ / "vms"; }
  std::filesystem::path vm(const VmName& name) const { return vms() / name.str(); }
  std::filesystem::path cache() const { return root_ / "cache"; }
  std::filesystem::path images() const { return cache() / "images"; }
  std::filesystem::path current() const { return root_ / "current"; }
  std::filesystem::path disk_nodes() const { return root_ / "store" / "disk"; }
  // The file of a disk node; `id` is 32 hex digits.
  std::filesystem::path disk_node(const std::string& id) const { return disk_nodes() / id; }
  // Held for the moment in which nodes are swept or names are made, never for long.
  std::filesystem::path store_lock() const { return root_ / "store" / "lock"; }

  // That lock, waited for half a minute: nobody holds it for long. Makes the home.
  Result<FileLock> lock_store() const;

  // Makes root, vms, store and cache with mode 0700.
  Result<void> create() const;

 private:
  std::filesystem::path root_;
};

}  // namespace cove
