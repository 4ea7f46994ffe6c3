// Files that are whole or not there: reads with a limit, writes by temporary name + fsync + rename. Any
// thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

// open(2) with O_CLOEXEC added; the error names the path.
Result<UniqueFd> open_file(const std::filesystem::path& path, int flags, mode_t mode = 0);
// The whole file; kResourceExhausted beyond max_bytes.
Result<std::string> read_file(const std::filesystem::path& path,
                              std::size_t max_bytes = std::size_t{16} << 20U);
// Replaces the file as one step that survives a crash: temporary in the same folder, fsync, rename, fsync of
// the folder.
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0644);
// Renames and makes the rename durable.
Result<void> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
Result<void> sync_directory(const std::filesystem::path& path);
// mkdir -p; new folders get `mode`.
Result<void> make_directories(const std::filesystem::path& path, mode_t mode = 0755);
// rm -rf; a missing path is fine. Never follows symbolic links.
Result<void> remove_tree(const std::filesystem::path& path);
bool path_exists(const std::filesystem::path& path);  // false also when it cannot be looked at
Result<std::vector<std::string>> list_directory(const std::filesystem::path& path);  // names, sorted
// Bytes a user may still write on the file system that holds `path` (or its nearest existing parent).
Result<std::uint64_t> free_space(const std::filesystem::path& path);
// Bytes the file takes on disk (blocks), as opposed to its length.
Result<std::uint64_t> allocated_bytes(const std::filesystem::path& path);

// A directory of one's own that is removed with its owner.
class TempDir {
 public:
  // In `parent`, by default $TMPDIR or /tmp as the caller passes it.
  static Result<TempDir> create(const std::filesystem::path& parent, std::string_view prefix);
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::filesystem::path& path() const { return path_; }
  // Keeps the directory; the caller owns it now.
  std::filesystem::path release() { return std::exchange(path_, {}); }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace cove
