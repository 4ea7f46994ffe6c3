#include "catalog/image_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/strings.h"
#include "catalog/image_digest.h"
#include "disk/disk_nodes.h"

namespace cove {
namespace {

namespace fs = std::filesystem;

const char* const kManifest = "manifest.json";
const std::vector<std::string>& content_names() {
  static const std::vector<std::string> kNames = {"disk.raw", "vmlinuz", "initrd.img"};
  return kNames;
}

// No name of an image has an '@', so none of them begins with another's prefix.
std::string scratch_prefix(const ImageRef& ref) { return "building-" + ref.file_name() + "@"; }

bool is_folder_name(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
Error damaged(const fs::path& folder, std::string_view what) {
  return Error(Code::kDataLoss, "image in " + folder.string() + " is damaged: " + std::string(what))
      .hint("build it anew with: cove image build");
}

Result<CachedImage> load(const fs::path& folder) {
  const Json json =
      COVE_TRY(Json::parse(COVE_TRY(read_file(folder / kManifest, 65536))).context(folder.string()));
  CachedImage image{COVE_TRY(ImageManifest::from_json(json).context(folder.string())), folder};
  if (image.manifest.digest != "sha256:" + folder.filename().string())
    return damaged(folder, "not its own digest");
  std::error_code failure;
  if (fs::file_size(image.disk(), failure) != image.manifest.disk_bytes || failure) {
    return damaged(folder, "disk.raw is missing or has another size");
  }
  if (!path_exists(image.kernel()) || !path_exists(image.initrd()))
    return damaged(folder, "kernel or initrd missing");
  return image;
}

Error in_use(const std::string& image, std::size_t disks) {
  return Error(Code::kFailedPrecondition, "image " + image + " is the base of " + std::to_string(disks) +
                                              (disks == 1 ? " disk" : " disks"))
      .hint("delete the VMs that use it first; cove list shows them");
}

fs::path home_of(const fs::path& images) { return images.parent_path().parent_path(); }

}  // namespace

ImageCache::ImageCache(const fs::path& home) : root_(home / "cache" / "images") {}

Result<std::optional<CachedImage>> ImageCache::find(const ImageRef& ref) const {
  const auto name = read_file(root_ / "refs" / ref.file_name(), 256);
  if (!name.ok()) {
    if (name.error().code() == Code::kNotFound) return std::optional<CachedImage>();
    return Error(name.error());
  }
  return find_digest("sha256:" + std::string(trim(name.value())));
}

Result<std::optional<CachedImage>> ImageCache::find_digest(std::string_view digest) const {
  constexpr std::string_view kPrefix = "sha256:";
  if (!digest.starts_with(kPrefix) || !is_folder_name(digest.substr(kPrefix.size()))) {
    return Error(Code::kInvalidArgument, "\"" + std::string(digest) + "\" is no image digest");
  }
  const fs::path folder = root_ / digest.substr(kPrefix.size());
  if (!path_exists(folder)) return std::optional<CachedImage>();
  return std::optional<CachedImage>(COVE_TRY(load(folder)));
}

Result<std::vector<ImageCache::Entry>> ImageCache::list() const {
  std::vector<Entry> entries;
  if (!path_exists(root_)) return entries;
  std::map<std::string, std::vector<ImageRef>> names;
  if (path_exists(root_ / "refs")) {
    for (std::string file : COVE_TRY(list_directory(root_ / "refs"))) {
      const std::size_t dash = file.find('-');
      const auto digest = read_file(root_ / "refs" / file, 256);
      if (dash == std::string::npos || !digest.ok()) continue;
      auto ref = ImageRef::parse(file.replace(dash, 1, ":"));
      if (ref.ok()) names[std::string(trim(digest.value()))].push_back(std::move(ref).value());
    }
  }
  const DiskNodes nodes(home_of(root_));
  for (const std::string& name : COVE_TRY(list_directory(root_))) {
    if (!is_folder_name(name)) continue;
    auto image = load(root_ / name);
    // One damaged image must not hide the others; asking for it by name says what is wrong with it.
    if (!image.ok()) continue;
    auto users = COVE_TRY(nodes.users_of(image.value().disk()));
    entries.push_back({std::move(image).value(), names[name], std::move(users)});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const auto& left = a.image.manifest;
    const auto& right = b.image.manifest;
    return left.ref == right.ref ? left.created_at > right.created_at : left.ref < right.ref;
  });
  return entries;
}

Result<void> ImageCache::remove(const ImageRef& ref) const {
  const fs::path name = root_ / "refs" / ref.file_name();
  if (!path_exists(name)) return Error(Code::kNotFound, "no image " + ref.str()).hint("see: cove image list");
  const fs::path folder = root_ / trim(COVE_TRY(read_file(name, 256)));
  if (!is_folder_name(folder.filename().string())) return remove_tree(name);
  const FileLock lock = COVE_TRY(FileLock::acquire(root_ / (ref.file_name() + ".lock"), "cove image rm"));
  const auto users = COVE_TRY(DiskNodes(home_of(root_)).users_of(folder / "disk.raw"));
  if (!users.empty()) {
    return in_use(ref.str(), users.size());
  }
  COVE_TRY(remove_tree(name));
  bool named = false;
  for (const Entry& entry : COVE_TRY(list()))
    named = named || (entry.image.folder == folder && !entry.refs.empty());
  return named ? Result<void>() : remove_tree(folder);
}

Result<void> ImageCache::remove_superseded(const CachedImage& image) const {
  const auto lock =
      COVE_TRY(FileLock::acquire(root_ / (image.manifest.ref.file_name() + ".lock"), "cove image rm"));
  for (const Entry& entry : COVE_TRY(list())) {
    if (entry.image.folder != image.folder) continue;
    if (!entry.refs.empty()) {
      return Error(Code::kFailedPrecondition, "that image has a name: " + entry.refs.front().str())
          .hint("remove it by its name: cove image rm " + entry.refs.front().str());
    }
    if (!entry.disk_users.empty()) return in_use(image.manifest.digest, entry.disk_users.size());
  }
  return remove_tree(image.folder);
}

Result<ImageCache::Entry> ImageCache::find_by_prefix(std::string_view digits) const {
  std::vector<Entry> found;
  for (Entry& entry : COVE_TRY(list())) {
    if (entry.image.folder.filename().string().starts_with(digits)) found.push_back(std::move(entry));
  }
  if (found.size() == 1) return std::move(found.front());
  const std::string said = "sha256:" + std::string(digits);
  if (found.empty())
    return Error(Code::kNotFound, "no image has a digest that begins with " + said)
        .hint("see: cove image list");
  return Error(Code::kInvalidArgument,
               std::to_string(found.size()) + " images have digests that begin with " + said)
      .hint("say more of it: cove image list -json");
}

Result<std::uint64_t> ImageCache::remove_unused() const {
  std::uint64_t freed = 0;
  for (const Entry& entry : COVE_TRY(list())) {
    if (!entry.refs.empty() || !entry.disk_users.empty()) continue;
    COVE_TRY(remove_tree(entry.image.folder));
    freed += entry.image.manifest.content_bytes;
  }
  return freed;
}

Result<void> ImageCache::verify(const OpContext& ctx, const CachedImage& image, Progress& progress) const {
  progress.step("reading image " + image.manifest.ref.str());
  const std::string digest = COVE_TRY(image_digest(ctx, image.folder, content_names(), progress));
  if (digest == image.manifest.digest) return {};
  return damaged(image.folder, "its content has digest " + digest);
}

Result<FileLock> ImageCache::lock_for_build(const OpContext& ctx, const ImageRef& ref) const {
  COVE_TRY(make_directories(root_ / "refs", 0700));
  auto lock =
      COVE_TRY(FileLock::acquire_waiting(ctx, root_ / (ref.file_name() + ".lock"), "building " + ref.str()));
  COVE_TRY(remove_leftovers(ref).context("removing what an earlier build left"));
  return lock;
}

// A builder holds its name's lock as long as it lives: what bears the name is the caller's to remove.
Result<void> ImageCache::remove_leftovers(const ImageRef& ref) const {
  for (const std::string& name : COVE_TRY(list_directory(root_))) {
    if (name.starts_with(scratch_prefix(ref))) COVE_TRY(remove_tree(root_ / name));
  }
  const std::string temporary = "." + ref.file_name() + ".";
  constexpr std::size_t kRandomPart = std::string_view("0123456789ab.tmp").size();
  for (const std::string& name : COVE_TRY(list_directory(root_ / "refs"))) {
    const bool ours = name.starts_with(temporary) && name.size() == temporary.size() + kRandomPart;
    if (ours) COVE_TRY(remove_tree(root_ / "refs" / name));
  }
  return {};
}

Result<bool> ImageCache::build_running(const ImageRef& ref) const {
  return COVE_TRY(FileLock::holder(root_ / (ref.file_name() + ".lock"))).has_value();
}

Result<TempDir> ImageCache::scratch(const ImageRef& ref) const {
  COVE_TRY(make_directories(root_ / "refs", 0700));
  return TempDir::create(root_, scratch_prefix(ref));
}

Result<CachedImage> ImageCache::publish(const OpContext& ctx, TempDir folder, ImageManifest manifest) const {
  NoProgress progress;
  manifest.digest = COVE_TRY(image_digest(ctx, folder.path(), content_names(), progress));
  manifest.created_at = format_rfc3339(SystemClock().wall_now());
  manifest.content_bytes = 0;
  for (const std::string& name : content_names()) {
    manifest.content_bytes += COVE_TRY(allocated_bytes(folder.path() / name));
    // Overlays stand on it: a write from whomever would break them all.
    if (::chmod((folder.path() / name).c_str(), 0400) != 0) return Error::from_errno(errno, name);
  }
  COVE_TRY(write_file_atomic(folder.path() / kManifest, manifest.to_json().dump(2) + "\n", 0600));
  const std::string name = manifest.digest.substr(7);
  // The same content may be there already, under this name or another.
  if (!path_exists(root_ / name)) {
    COVE_TRY(rename_durably(folder.path(), root_ / name));
    static_cast<void>(folder.release());
  }
  COVE_TRY(write_file_atomic(root_ / "refs" / manifest.ref.file_name(), name + "\n", 0600));
  return load(root_ / name);
}

}  // namespace cove
