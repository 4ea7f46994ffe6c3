#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/io.h"
#include "base/strings.h"

namespace cove {

namespace fs = std::filesystem;

Result<UniqueFd> open_file(const fs::path& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return Error::from_errno(errno, path.string());
  return fd;
}

Result<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  const UniqueFd fd = COVE_TRY(open_file(path, O_RDONLY));
  std::string all;
  struct stat status {};
  // Files of /proc and /sys claim sizes that mean nothing; they have no blocks.
  if (::fstat(fd.get(), &status) == 0 && status.st_size > 0 && status.st_blocks > 0) {
    if (static_cast<std::uint64_t>(status.st_size) > max_bytes) {
      return Error(Code::kResourceExhausted, path.string() + ": larger than " + format_bytes(max_bytes));
    }
    all.reserve(static_cast<std::size_t>(status.st_size));
  }
  char chunk[65536];
  for (;;) {
    const ssize_t count = ::read(fd.get(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, path.string());
    if (count == 0) return all;
    all.append(chunk, static_cast<std::size_t>(count));
    if (all.size() > max_bytes) {
      return Error(Code::kResourceExhausted, path.string() + ": larger than " + format_bytes(max_bytes));
    }
  }
}

Result<void> sync_directory(const fs::path& path) {
  const UniqueFd fd = COVE_TRY(open_file(path.empty() ? fs::path(".") : path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) < 0) return Error::from_errno(errno, path.string());
  return {};
}

Result<void> rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) {
    return Error::from_errno(errno, "renaming " + from.string() + " to " + to.string());
  }
  return sync_directory(to.parent_path());
}

Result<void> write_file_atomic(const fs::path& path, std::string_view bytes, mode_t mode) {
  const fs::path temporary =
      path.parent_path() / ("." + path.filename().string() + "." + hex_encode(random_bytes(6)) + ".tmp");
  auto write = [&]() -> Result<void> {
    const UniqueFd fd = COVE_TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    if (::fchmod(fd.get(), mode) < 0) return Error::from_errno(errno, temporary.string());
    COVE_TRY(write_all({}, fd.get(), bytes).context(path.string()));
    if (::fsync(fd.get()) < 0) return Error::from_errno(errno, path.string());
    return rename_durably(temporary, path);
  };
  auto written = write();
  if (!written.ok()) ::unlink(temporary.c_str());
  return written;
}

Result<void> make_directories(const fs::path& path, mode_t mode) {
  if (path.empty() || path_exists(path)) return {};
  COVE_TRY(make_directories(path.parent_path(), mode));
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return Error::from_errno(errno, path.string());
  return {};
}

Result<void> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return Error::from_errno(error.value(), "removing " + path.string());
  return {};
}

bool path_exists(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<std::vector<std::string>> list_directory(const fs::path& path) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entries(path, error);
  while (!error && entries != fs::directory_iterator()) {
    names.push_back(entries->path().filename().string());
    entries.increment(error);
  }
  if (error) return Error::from_errno(error.value(), path.string());
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::uint64_t> free_space(const fs::path& path) {
  fs::path existing = path;
  while (!path_exists(existing) && existing.has_parent_path() && existing != existing.parent_path()) {
    existing = existing.parent_path();
  }
  struct statvfs status {};
  if (::statvfs(existing.empty() ? "." : existing.c_str(), &status) < 0) {
    return Error::from_errno(errno, existing.string());
  }
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<std::uint64_t> allocated_bytes(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0) return Error::from_errno(errno, path.string());
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

Result<TempDir> TempDir::create(const fs::path& parent, std::string_view prefix) {
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return Error::from_errno(errno, name);
  return TempDir(fs::path(name));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace cove
