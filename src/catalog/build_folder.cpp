#include "catalog/build_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/process.h"

namespace cove {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBuildFolderPrefix = "cove-build-";

// nullopt: in use, gone, no folder, or somebody else's.
std::optional<UniqueFd> lock_own(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_uid != ::geteuid()) return std::nullopt;
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  // Whoever had the lock until now may have removed the folder.
  struct stat named {};
  if (::lstat(path.c_str(), &named) != 0 || named.st_ino != status.st_ino || named.st_dev != status.st_dev)
    return std::nullopt;
  return fd;
}

// Files of mapped users are removed as their root; the folders they stand in, which are ours, stay.
void remove_as_mapped_root(const fs::path& folder, const std::vector<std::string>& environment) {
  const auto names = list_directory(folder);
  if (!names.ok()) return;
  SpawnOptions options;
  options.argv = {"mmdebstrap", "--unshare-helper", "rm", "-rf", "--"};
  for (const auto& name : *names) options.argv.push_back((folder / name).string());
  options.environment = environment;
  options.working_directory = "/";
  static_cast<void>(run_command({{}, Deadline::after(kFolderRemovalLimit)}, std::move(options)));
  // A folder of theirs that is empty now, but that we may not look into.
  for (const auto& name : *names) ::rmdir((folder / name).c_str());
}

Result<void> remove_folder(const fs::path& folder, const std::vector<std::string>& environment) {
  if (remove_tree(folder).ok()) return {};
  if (::geteuid() != 0) remove_as_mapped_root(folder, environment);
  return remove_tree(folder);
}

}  // namespace

Result<BuildFolder> BuildFolder::create(const fs::path& parent, std::vector<std::string> environment) {
  for (;;) {
    TempDir made = COVE_TRY(TempDir::create(parent, kBuildFolderPrefix));
    auto lock = lock_own(made.path());
    // Between its making and its locking it looked abandoned, and somebody removes it.
    if (!lock) continue;
    BuildFolder folder(made.release(), *std::move(lock), std::move(environment));
    // mmdebstrap's folder inside belongs to a mapped user, who has to get there.
    if (::chmod(folder.path().c_str(), 0711) != 0) return Error::from_errno(errno, folder.path().string());
    return folder;
  }
}

void BuildFolder::remove_abandoned(const fs::path& parent, const std::vector<std::string>& environment) {
  const auto names = list_directory(parent);
  if (!names.ok()) return;
  for (const auto& name : *names) {
    if (!name.starts_with(kBuildFolderPrefix)) continue;
    const auto lock = lock_own(parent / name);
    if (lock) static_cast<void>(remove_folder(parent / name, environment));
  }
}

BuildFolder::BuildFolder(fs::path path, UniqueFd lock, std::vector<std::string> environment)
    : path_(std::move(path)), lock_(std::move(lock)), environment_(std::move(environment)) {}

BuildFolder::BuildFolder(BuildFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      lock_(std::move(other.lock_)),
      environment_(std::move(other.environment_)) {}

BuildFolder::~BuildFolder() { static_cast<void>(remove()); }

Result<void> BuildFolder::remove() {
  if (path_.empty()) return {};
  return remove_folder(std::exchange(path_, {}), environment_);
}

}  // namespace cove
