#include "tree/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/io.h"

namespace cove {
namespace {

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "folder";
  if (S_ISFIFO(mode)) return "pipe";
  return S_ISSOCK(mode) ? "socket" : "device";
}

// File systems that know no fsync answer with one of these.
bool sync_failed(int fd) {
  return ::fsync(fd) < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP && errno != ENOSYS;
}

}  // namespace

Result<void> check_replaceable(int folder, const std::string& name, const std::string& shown) {
  struct stat status {};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno(errno, shown);
  }
  if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) return {};
  return Error(Code::kFailedPrecondition, shown + ": is a " + kind_of(status.st_mode) + ", not replaced");
}

PartialFile::PartialFile(int folder, std::string temporary, UniqueFd fd)
    : folder_(folder), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : folder_(other.folder_), temporary_(std::exchange(other.temporary_, {})), fd_(std::move(other.fd_)) {}

PartialFile& PartialFile::operator=(PartialFile&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(temporary_, other.temporary_);
  std::swap(fd_, other.fd_);
  return *this;
}

PartialFile::~PartialFile() {
  if (!temporary_.empty()) ::unlinkat(folder_, temporary_.c_str(), 0);
}

Result<PartialFile> PartialFile::create(int folder, TemporaryNames& names, const std::string& shown) {
  for (int i = 0; i < kTemporaryTries; ++i) {
    std::string name = names.next();
    UniqueFd fd(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST) continue;
    if (!fd) return Error::from_errno(errno, shown);
    PartialFile file(folder, std::move(name), std::move(fd));
    // Another copy's remove_abandoned may have seen it before the lock: it holds the lock, or has removed it.
    // File systems without locks remove nothing.
    if (::flock(file.fd(), LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) continue;
    struct stat status {};
    if (::fstat(file.fd(), &status) == 0 && status.st_nlink > 0) return file;
  }
  return Error(Code::kUnavailable, shown + ": no temporary name could be had in its folder");
}

Result<PartialFile> PartialFile::create_named(int folder, const std::string& name, const std::string& shown) {
  UniqueFd fd(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, shown);
  return PartialFile(folder, name, std::move(fd));
}

Result<void> PartialFile::publish(const std::string& name, Sync sync, const std::string& shown) {
  if (sync == Sync::kYes && sync_failed(fd())) return Error::from_errno(errno, shown);
  // Network and quota file systems report a full disk only at close.
  if (temporary_ == name) {
    if (::close(fd_.release()) < 0) return Error::from_errno(errno, shown);
  } else {
    // Closing a duplicate keeps the lock until the name is there.
    UniqueFd copy = COVE_TRY(duplicate(fd()));
    if (::close(copy.release()) < 0) return Error::from_errno(errno, shown);
    if (::renameat(folder_, temporary_.c_str(), folder_, name.c_str()) < 0)
      return Error::from_errno(errno, shown);
  }
  temporary_.clear();
  if (sync == Sync::kYes && sync_failed(folder_)) return Error::from_errno(errno, shown);
  return {};
}

}  // namespace cove
