#include "store/vm_registry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"
#include "store/similar_names.h"

namespace cove {
namespace {

// Out of sight: no VM name starts with a dot.
constexpr std::string_view kTrashPrefix = ".deleted-";
constexpr std::string_view kBirthPrefix = ".new-";
constexpr std::string_view kCurrentPrefix = ".current-";

}  // namespace

Result<std::vector<VmName>> VmRegistry::list() const {
  std::vector<VmName> names;
  auto entries = list_directory(home_.vms());
  if (!entries.ok()) {
    if (entries.error().code() == Code::kNotFound) return names;
    return std::move(entries).error();
  }
  for (const auto& entry : *entries) {
    auto name = VmName::parse(entry);
    // A link may lead to a folder elsewhere; any other file is not ours.
    std::error_code failure;
    const auto kind = std::filesystem::symlink_status(home_.vms() / entry, failure).type();
    const bool may_be =
        kind == std::filesystem::file_type::directory || kind == std::filesystem::file_type::symlink;
    if (name.ok() && may_be) names.push_back(std::move(name).value());
  }
  return names;
}

Result<VmDirectory> VmRegistry::open(const VmName& name) const {
  VmDirectory directory(home_, name);
  if (directory.exists()) return directory;
  std::vector<std::string> known;
  for (const auto& other : COVE_TRY(list())) known.push_back(other.str());
  Error error(Code::kNotFound, "no vm named \"" + name.str() + "\"");
  if (known.empty()) return std::move(error).hint("make one: cove up " + name.str());
  const auto similar = similar_names(name.str(), known);
  return std::move(error).hint(similar.empty() ? "see them all: cove list"
                                               : "did you mean " + join(similar, ", ") + "?");
}

Result<VmDirectory> VmRegistry::create(const VmName& name) const {
  const VmDirectory directory(home_, name);
  if (directory.exists())
    return Error(Code::kAlreadyExists, "a vm named \"" + name.str() + "\" exists already");
  // Whatever is hidden while we have the lock was left by a crash; what cannot be removed hinders nobody.
  const FileLock store = COVE_TRY(home_.lock_store());
  static_cast<void>(sweep_locked());
  // Born complete under a hidden name, then renamed: nobody ever sees a VM without its mark or its token.
  const auto hidden = home_.vms() / (std::string(kBirthPrefix) + new_object_id());
  COVE_TRY(make_directories(hidden, 0700));
  auto fill = [&]() -> Result<void> {
    COVE_TRY(write_file_atomic(hidden / "creating.json",
                               R"({"version":1,"phase":"starting"})"
                               "\n",
                               0600));
    COVE_TRY(write_file_atomic(hidden / "control.token", hex_encode(random_bytes(32)) + "\n", 0600));
    // A rename over an existing non-empty folder fails, which settles the race of two creators.
    return rename_durably(hidden, directory.path());
  };
  if (auto filled = fill(); !filled.ok()) {
    static_cast<void>(remove_tree(hidden));
    if (directory.exists())
      return Error(Code::kAlreadyExists, "a vm named \"" + name.str() + "\" exists already");
    return std::move(filled).error();
  }
  return directory;
}

Result<void> VmRegistry::rename(const VmName& from, const VmName& to) const {
  const VmDirectory source = COVE_TRY(open(from));
  const FileLock lock = COVE_TRY(source.lock("rename"));
  if (VmDirectory(home_, to).exists()) {
    return Error(Code::kAlreadyExists, "a vm named \"" + to.str() + "\" exists already");
  }
  const auto was_active = COVE_TRY(active());
  // Memory that a crash left is of no use to anybody.
  if (const auto ram = source.ram_path(); !ram.empty()) ::unlink(ram.c_str());
  {
    // Who reads all VMs' files must not miss this one under either name.
    const FileLock store = COVE_TRY(home_.lock_store());
    COVE_TRY(rename_durably(source.path(), home_.vm(to)));
  }
  if (was_active == from) COVE_TRY(set_active(to));
  return {};
}

Result<void> VmRegistry::remove(const VmName& name) const {
  const VmDirectory directory = COVE_TRY(open(name));
  if (directory.is_dead_link()) {
    COVE_TRY(clear_active_if(name));
    return remove_tree(directory.path());
  }
  const FileLock lock = COVE_TRY(directory.lock("delete"));
  const FileLock store = COVE_TRY(home_.lock_store());
  COVE_TRY(clear_active_if(name));
  const auto hidden = home_.vms() / (std::string(kTrashPrefix) + new_object_id());
  // There only if it crashed. Before the folder goes out of sight, by which it is found.
  if (const auto ram = directory.ram_path(); !ram.empty()) ::unlink(ram.c_str());
  COVE_TRY(rename_durably(directory.path(), hidden).context("deleting vm \"" + name.str() + "\""));
  return sweep_locked();
}

Result<void> VmRegistry::sweep() const {
  if (!path_exists(home_.vms())) return {};
  const FileLock store = COVE_TRY(home_.lock_store());
  return sweep_locked();
}

Result<void> VmRegistry::sweep_locked() const {
  for (const auto& entry : COVE_TRY(list_directory(home_.vms()))) {
    if (entry.starts_with(kTrashPrefix) || entry.starts_with(kBirthPrefix))
      COVE_TRY(remove_tree(home_.vms() / entry));
  }
  for (const auto& entry : COVE_TRY(list_directory(home_.root()))) {
    if (entry.starts_with(kCurrentPrefix)) COVE_TRY(remove_tree(home_.root() / entry));
  }
  return {};
}

Result<std::optional<VmName>> VmRegistry::active() const {
  char target[4096];
  const ssize_t length = ::readlink(home_.current().c_str(), target, sizeof target);
  if (length <= 0) return std::optional<VmName>();
  const std::filesystem::path path(std::string(target, static_cast<std::size_t>(length)));
  auto name = VmName::parse(path.filename().string());
  if (!name.ok() || !VmDirectory(home_, *name).exists()) return std::optional<VmName>();
  return std::optional<VmName>(std::move(name).value());
}

Result<void> VmRegistry::set_active(const VmName& name) const {
  COVE_TRY(open(name));
  const FileLock store = COVE_TRY(home_.lock_store());
  const auto temporary = home_.root() / (std::string(kCurrentPrefix) + new_object_id());
  if (::symlink(home_.vm(name).c_str(), temporary.c_str()) < 0) {
    return Error::from_errno(errno, temporary.string());
  }
  return rename_durably(temporary, home_.current());
}

Result<void> VmRegistry::clear_active_if(const VmName& name) const {
  if (COVE_TRY(active()) == name && ::unlink(home_.current().c_str()) < 0 && errno != ENOENT) {
    return Error::from_errno(errno, home_.current().string());
  }
  return {};
}

}  // namespace cove
