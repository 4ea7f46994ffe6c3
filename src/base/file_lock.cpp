#include "base/file_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "base/clock.h"
#include "base/files.h"
#include "base/io.h"

namespace cove {
namespace {

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string note_of(int fd) {
  char text[512];
  const ssize_t count = ::pread(fd, text, sizeof text, 0);
  return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string();
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path, std::string_view note) {
  UniqueFd fd = COVE_TRY(open_file(path, O_RDWR | O_CREAT, 0600));
  struct flock request = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &request) < 0) {
    if (errno != EAGAIN && errno != EACCES) return Error::from_errno(errno, path.string());
    return Error(Code::kFailedPrecondition, "locked by " + note_of(fd.get()));
  }
  FileLock lock(std::move(fd));
  COVE_TRY(lock.set_note(note).context(path.string()));
  return lock;
}

Result<FileLock> FileLock::acquire_waiting(const OpContext& ctx, const std::filesystem::path& path,
                                           std::string_view note) {
  SystemClock clock;
  for (;;) {
    auto lock = acquire(path, note);
    if (lock.ok() || lock.error().code() != Code::kFailedPrecondition) return lock;
    auto slept = clock.sleep(ctx, std::chrono::milliseconds(10));
    if (!slept.ok()) return std::move(slept).error().context(lock.error().message());
  }
}

Result<std::optional<std::string>> FileLock::holder(const std::filesystem::path& path) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd.ok()) {
    if (fd.error().code() == Code::kNotFound) return std::optional<std::string>();
    return std::move(fd).error();
  }
  struct flock probe = whole_file(F_WRLCK);
  if (::fcntl(fd->get(), F_OFD_GETLK, &probe) < 0) return Error::from_errno(errno, path.string());
  if (probe.l_type == F_UNLCK) return std::optional<std::string>();
  return std::optional<std::string>(note_of(fd->get()));
}

Result<void> FileLock::set_note(std::string_view note) {
  // Written over, then cut: who reads meanwhile never finds it empty.
  if (::pwrite(fd_.get(), note.data(), note.size(), 0) < 0) return Error::from_errno(errno, "lock file");
  if (::ftruncate(fd_.get(), static_cast<off_t>(note.size())) < 0)
    return Error::from_errno(errno, "lock file");
  return {};
}

}  // namespace cove
