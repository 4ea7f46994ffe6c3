// FileLock: an exclusive kernel lock (OFD) on a file, released when its owner dies by whatever cause.
// The file stays; its content (who holds it) is informative and only true while the lock is held.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove {

class FileLock {
 public:
  // Creates the file (0600) if missing. kFailedPrecondition at once if somebody else holds it; the message
  // carries the holder's note. With a deadline in ctx it waits that long, polling.
  static Result<FileLock> acquire(const std::filesystem::path& path, std::string_view note);
  static Result<FileLock> acquire_waiting(const OpContext& ctx, const std::filesystem::path& path,
                                          std::string_view note);
  // The holder's note if some process holds the lock now, nullopt if it is free or the file is missing.
  static Result<std::optional<std::string>> holder(const std::filesystem::path& path);

  // Replaces the note of a held lock. A reader at this moment may find the end of a longer old one behind it:
  // notes end with a line feed, and readers take the first line.
  Result<void> set_note(std::string_view note);
  // Children that inherit this descriptor keep the lock held with us.
  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cove
