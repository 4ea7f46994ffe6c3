#include "tree/partial_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cove {
namespace {

bool has_name(int parent, const std::string& name, int fd) {
  struct stat named {};
  struct stat opened {};
  return ::fstatat(parent, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

}  // namespace

PartialFolder::PartialFolder(int parent, std::string temporary, UniqueFd fd)
    : parent_(parent), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

PartialFolder::PartialFolder(PartialFolder&& other) noexcept
    : parent_(other.parent_), temporary_(std::exchange(other.temporary_, {})), fd_(std::move(other.fd_)) {}

PartialFolder::~PartialFolder() {
  if (temporary_.empty()) return;
  empty_folder(fd_.get());
  ::unlinkat(parent_, temporary_.c_str(), AT_REMOVEDIR);
}

Result<PartialFolder> PartialFolder::create(int parent, TemporaryNames& names, const std::string& shown) {
  for (int i = 0; i < kTemporaryTries; ++i) {
    std::string name = names.next();
    if (::mkdirat(parent, name.c_str(), 0700) < 0) {
      if (errno == EEXIST) continue;
      return Error::from_errno(errno, shown);
    }
    UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
      const Error error = Error::from_errno(errno, shown);
      ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
      if (error.error_number() == ENOENT) continue;  // another copy's remove_abandoned was here
      return error;
    }
    PartialFolder folder(parent, std::move(name), std::move(fd));
    // The same, later: it holds the lock, or has removed the folder. File systems without locks remove
    // nothing.
    if (::flock(folder.fd(), LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) continue;
    if (has_name(parent, folder.temporary_, folder.fd())) return folder;
  }
  return Error(Code::kUnavailable, shown + ": no temporary name could be had in its folder");
}

Result<void> PartialFolder::publish(const std::string& name, const std::string& shown) {
  int renamed = ::renameat2(parent_, temporary_.c_str(), parent_, name.c_str(), RENAME_NOREPLACE);
  if (renamed < 0 && (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP)) {
    renamed = rename_if_free(parent_, temporary_.c_str(), name.c_str());
  }
  if (renamed < 0 && errno == EEXIST) {
    return Error(Code::kAborted,
                 shown + ": something of that name was made during the copy; it is left as it is")
        .hint("copy again: into a folder that is there the copy is merged");
  }
  if (renamed < 0) return Error::from_errno(errno, shown);
  temporary_.clear();
  return {};
}

int rename_if_free(int parent, const char* from, const char* to) {
  struct stat status {};
  if (::fstatat(parent, to, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  if (errno != ENOENT) return -1;
  // A folder replaces nothing but an empty folder.
  const int renamed = ::renameat(parent, from, parent, to);
  if (renamed < 0 && (errno == ENOTEMPTY || errno == ENOTDIR)) errno = EEXIST;
  return renamed;
}

}  // namespace cove
