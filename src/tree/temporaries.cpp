#include "tree/temporaries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "tree/tree_limits.h"

namespace cove {
namespace {

constexpr std::string_view kTemporaryPrefix = ".cove-cp-";
constexpr std::size_t kTemporaryDigits = 16;

// Calls `see` for every name but "." and "..".
void each_name(int folder, const std::function<void(const char* name)>& see) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // a position of its own
  if (own < 0) return;
  const auto close_directory = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close_directory)> directory(::fdopendir(own), close_directory);
  if (!directory) {
    ::close(own);
    return;
  }
  while (const dirent* item = ::readdir(directory.get())) {
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") see(item->d_name);
  }
}

UniqueFd open_folder(int parent, const char* name) {
  return UniqueFd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

void empty_level(int folder, dev_t device, std::size_t depth) {
  struct stat status {};
  if (::fstat(folder, &status) < 0 || status.st_dev != device) return;
  if ((status.st_mode & S_IRWXU) != S_IRWXU) ::fchmod(folder, S_IRWXU);
  each_name(folder, [&](const char* name) {
    if (::unlinkat(folder, name, 0) == 0 || errno != EISDIR || depth >= kMaxTreeDepth) return;
    UniqueFd below = open_folder(folder, name);
    if (!below && errno == EACCES && ::fchmodat(folder, name, S_IRWXU, 0) == 0)
      below = open_folder(folder, name);
    if (!below) return;
    empty_level(below.get(), device, depth + 1);
    ::unlinkat(folder, name, AT_REMOVEDIR);
  });
}

void remove_if_abandoned(int folder, const char* name) {
  struct stat status {};
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return;
  const bool is_folder = S_ISDIR(status.st_mode);
  if (!is_folder && !S_ISREG(status.st_mode)) return;
  const UniqueFd fd(::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return;
  if (is_folder) empty_folder(fd.get());
  ::unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0);
}

}  // namespace

TemporaryNames::TemporaryNames() {
  const std::string bytes = random_bytes(sizeof number_);
  std::memcpy(&number_, bytes.data(), sizeof number_);
}

std::string TemporaryNames::next() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name(kTemporaryPrefix);
  const std::uint64_t number = number_++;
  for (std::size_t digit = kTemporaryDigits; digit-- > 0;) name += kHex[(number >> (4 * digit)) & 15U];
  return name;
}

bool TemporaryNames::is_one(const std::string& name) {
  return name.starts_with(kTemporaryPrefix) && name.size() == kTemporaryPrefix.size() + kTemporaryDigits &&
         name.find_first_not_of("0123456789abcdef", kTemporaryPrefix.size()) == std::string::npos;
}

void remove_abandoned(int folder) {
  each_name(folder, [&](const char* name) {
    if (TemporaryNames::is_one(name)) remove_if_abandoned(folder, name);
  });
}

void empty_folder(int folder) {
  struct stat status {};
  if (::fstat(folder, &status) == 0) empty_level(folder, status.st_dev, 1);
}

}  // namespace cove
