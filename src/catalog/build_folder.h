// BuildFolder: the folder below $TMPDIR where an image is put together. It cannot be in COVE_HOME: a mapped
// user works in it, who may not pass the user's home. The builder and the programs it starts share a lock on
// the folder itself (flock), so that another build knows whose builder is no more. One owner, one thread;
// blocking.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove {

// How long remove() and remove_abandoned() may take for what belongs to a mapped user.
inline constexpr std::chrono::seconds kFolderRemovalLimit{10};

class BuildFolder final {
 public:
  // cove-build-XXXXXX in `parent`; `environment` ("K=V") is that of the programs started to remove things.
  static Result<BuildFolder> create(const std::filesystem::path& parent,
                                    std::vector<std::string> environment);
  // Removes what killed builders of this user left in `parent`. Others' folders and those in use stay, and
  // so do those that cannot be removed.
  static void remove_abandoned(const std::filesystem::path& parent,
                               const std::vector<std::string>& environment);

  BuildFolder(BuildFolder&& other) noexcept;
  BuildFolder& operator=(BuildFolder&&) = delete;
  ~BuildFolder();  // removes it, if remove() was not called

  const std::filesystem::path& path() const { return path_; }
  // A program that inherits it keeps the folder in use.
  int lock_fd() const { return lock_.get(); }
  // kPermissionDenied, kInternal: some of it is left.
  Result<void> remove();

 private:
  BuildFolder(std::filesystem::path path, UniqueFd lock, std::vector<std::string> environment);
  std::filesystem::path path_;  // empty: there is nothing to remove
  UniqueFd lock_;
  std::vector<std::string> environment_;
};

}  // namespace cove
