#include "tree/named_place.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <optional>

#include "base/files.h"

namespace cove {
namespace {

constexpr int kMostLinks = 40;

bool is_special(mode_t mode) { return S_ISFIFO(mode) || S_ISCHR(mode) || S_ISBLK(mode); }

// The kernel's rule of fs.protected_symlinks, which following by hand would otherwise go around: in a folder
// like /tmp only one's own links and those of the folder's owner are followed.
bool may_follow(int folder, const struct stat& link) {
  struct stat status {};
  if (::fstat(folder, &status) < 0) return false;
  constexpr mode_t kShared = S_ISVTX | S_IWOTH;
  if ((status.st_mode & kShared) != kShared || link.st_uid == status.st_uid) return true;
  return link.st_uid == static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));  // -1 changes nothing
}

// Where the link leads, seen from the working directory.
Result<std::filesystem::path> follow(const NamedPlace& place, const std::filesystem::path& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(place.folder.get(), place.name.c_str(), target, sizeof target);
  if (length < 0) return Error::from_errno(errno, path.string());
  auto next = path.parent_path() / std::string(target, static_cast<std::size_t>(length));
  if (next.filename().empty()) next = next.parent_path();  // a slash at the end
  return next;
}

}  // namespace

Result<NamedPlace> find_named_place(const std::filesystem::path& destination) {
  const std::string shown = destination.string();
  struct stat wanted {};
  const bool exists = ::stat(destination.c_str(), &wanted) == 0;
  if (!exists && errno != ENOENT && errno != ENOTDIR) return Error::from_errno(errno, shown);
  if (exists && is_special(wanted.st_mode)) return NamedPlace{{}, {}, destination};
  if (exists && S_ISSOCK(wanted.st_mode))
    return Error(Code::kFailedPrecondition, shown + ": is a socket, which cannot be written as a file");
  std::filesystem::path path = destination;
  for (int links = 0; links <= kMostLinks; ++links) {
    NamedPlace place;
    place.folder = COVE_TRY(open_file(
        path.has_parent_path() ? path.parent_path() : std::filesystem::path("."), O_RDONLY | O_DIRECTORY));
    place.name = path.filename().string();
    struct stat status {};
    if (::fstatat(place.folder.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT && !exists) return place;
      return Error::from_errno(errno, shown);
    }
    if (S_ISLNK(status.st_mode)) {
      if (!may_follow(place.folder.get(), status)) return Error::from_errno(EACCES, shown);
      path = COVE_TRY(follow(place, path));
      continue;
    }
    // Links of /proc lead where no name leads.
    if (exists && status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino) return place;
    return Error(Code::kFailedPrecondition, shown + ": the file it leads to has no name here or was replaced")
        .hint("copy to \"-\" and redirect the output");
  }
  return Error::from_errno(ELOOP, shown);
}

Result<UniqueFd> open_special(const std::filesystem::path& path) {
  // Not to wait for a reader: in a guest nobody could interrupt that.
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ENXIO) {
    return Error(Code::kFailedPrecondition,
                 path.string() + ": nobody reads this pipe, or the device is absent")
        .hint("start the reader of the pipe first");
  }
  if (!fd) return Error::from_errno(errno, path.string());
  struct stat status {};
  if (::fstat(fd.get(), &status) < 0) return Error::from_errno(errno, path.string());
  if (!is_special(status.st_mode)) return Error(Code::kAborted, path.string() + ": was replaced meanwhile");
  return fd;
}

}  // namespace cove
