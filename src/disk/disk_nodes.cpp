#include "disk/disk_nodes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "model/object_id.h"

namespace cove {

DiskNodes::DiskNodes(const std::filesystem::path& home) : folder_(home / "store" / "disk") {}

Result<std::filesystem::path> DiskNodes::path_of(std::string_view id) const {
  if (!is_object_id(id)) {
    return Error(Code::kInvalidArgument, "\"" + std::string(id) + "\" is no disk id (32 hex digits)");
  }
  return folder_ / id;
}

std::optional<std::string> DiskNodes::node_below(const DiskInfo& info) {
  if (!info.backing) return std::nullopt;
  const auto folder = info.backing->parent_path();
  auto name = info.backing->filename().string();
  const bool in_store = folder.filename() == "disk" && folder.parent_path().filename() == "store";
  if (!in_store || !is_object_id(name)) return std::nullopt;
  return name;
}

Result<DiskImage> DiskNodes::open(std::string_view id) const {
  return DiskImage::open(COVE_TRY(path_of(id)), DiskFormat::kQcow2);
}

Result<std::string> DiskNodes::create_overlay(const DiskImage& base, std::uint64_t bytes) const {
  COVE_TRY(make_directories(folder_, 0700));
  std::string id = new_object_id();
  COVE_TRY(base.overlay_at(folder_ / id, bytes));
  return id;
}

Result<void> DiskNodes::add_overlay(std::string_view below, std::string_view id, std::uint64_t bytes) const {
  const auto path = COVE_TRY(path_of(id));
  const auto disk = COVE_TRY(open(below));
  const auto room = std::max(bytes, COVE_TRY(disk.info()).virtual_bytes);
  COVE_TRY(disk.overlay_at(path, room));
  const auto fd = COVE_TRY(open_file(path, O_RDONLY));
  if (::fdatasync(fd.get()) != 0) return Error::from_errno(errno, path.string());
  return sync_directory(folder_);
}

Result<void> DiskNodes::remove(std::string_view id) const {
  const std::filesystem::path path = COVE_TRY(path_of(id));
  const auto users = COVE_TRY(users_of(path));
  if (!users.empty()) {
    return Error(Code::kFailedPrecondition,
                 "disk " + std::string(id) + " is in use by disk " + users.front());
  }
  return remove_tree(path);
}

Result<std::vector<std::string>> DiskNodes::list() const {
  std::vector<std::string> ids;
  if (!path_exists(folder_)) return ids;
  for (std::string& name : COVE_TRY(list_directory(folder_))) {
    if (is_object_id(name)) ids.push_back(std::move(name));
  }
  return ids;
}

Result<std::vector<std::string>> DiskNodes::users_of(const std::filesystem::path& file) const {
  std::error_code failure;
  const auto wanted = std::filesystem::absolute(file, failure).lexically_normal();
  std::vector<std::string> users;
  for (std::string& id : COVE_TRY(list())) {
    const auto disk = open(id);
    // A node that vanished meanwhile uses nothing. One whose header is damaged may use anything: keep the
    // file.
    if (!disk.ok() && disk.error().code() == Code::kNotFound) continue;
    const auto info = disk.ok() ? disk.value().info() : Result<DiskInfo>(disk.error());
    if (!info.ok() || (info.value().backing && *info.value().backing == wanted))
      users.push_back(std::move(id));
  }
  return users;
}

}  // namespace cove
