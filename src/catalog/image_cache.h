// ImageCache: COVE_HOME/cache/images: <sha256>/{disk.raw,vmlinuz,initrd.img,manifest.json} and refs/<name>,
// small files that hold a digest. Images never change once they have their name; a new build under the same
// ref makes a new folder and moves the ref. Any thread, any process.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/file_lock.h"
#include "base/files.h"
#include "catalog/image_manifest.h"
#include "disk/disk_image.h"

namespace cove {

struct CachedImage {
  ImageManifest manifest;
  std::filesystem::path folder;
  std::filesystem::path disk() const { return folder / "disk.raw"; }
  std::filesystem::path kernel() const { return folder / "vmlinuz"; }
  std::filesystem::path initrd() const { return folder / "initrd.img"; }
  Result<DiskImage> open_disk() const { return DiskImage::open(disk(), DiskFormat::kRaw); }
};

class ImageCache {
 public:
  // `home` is COVE_HOME. Nothing is created.
  explicit ImageCache(const std::filesystem::path& home);

  // nullopt if it was never built (or was removed). kDataLoss if the files are not what the manifest says
  // (sizes; verify() reads the bytes).
  Result<std::optional<CachedImage>> find(const ImageRef& ref) const;
  // By "sha256:..." as VmConfig::image_digest holds it; works also when no ref names it any more.
  Result<std::optional<CachedImage>> find_digest(std::string_view digest) const;
  struct Entry {
    CachedImage image;
    std::vector<ImageRef> refs;           // names that lead here; empty = superseded by a newer build
    std::vector<std::string> disk_users;  // ids of disk nodes that stand on it
  };
  Result<std::vector<Entry>> list() const;  // sorted by name, then newest first
  // Takes the name away and deletes the image if no disk stands on it. kNotFound: no such name.
  // kFailedPrecondition: disks stand on it (nothing is changed then).
  Result<void> remove(const ImageRef& ref) const;
  // The same for an image that has no name any more (superseded). kNotFound, kFailedPrecondition as above,
  // and for one that has a name: that is what to remove.
  Result<void> remove_superseded(const CachedImage& image) const;
  // The one image whose digest begins so: "sha256:" and hex digits, or at least 6 digits alone. kNotFound;
  // kInvalidArgument: several do.
  Result<Entry> find_by_prefix(std::string_view digits) const;
  // Deletes images without a name and without users; returns bytes freed.
  Result<std::uint64_t> remove_unused() const;
  // Reads everything and compares with the digest; kDataLoss says what differs.
  Result<void> verify(const OpContext& ctx, const CachedImage& image, Progress& progress) const;

  // For builders: the lock for one name (waits within ctx; released with the object; what killed builds of
  // this name left is removed), a scratch folder on the same file system for its holder, and the one step
  // that gives a finished folder its name. publish() computes the digest.
  Result<FileLock> lock_for_build(const OpContext& ctx, const ImageRef& ref) const;
  Result<bool> build_running(const ImageRef& ref) const;
  Result<TempDir> scratch(const ImageRef& ref) const;
  Result<CachedImage> publish(const OpContext& ctx, TempDir folder, ImageManifest manifest) const;

 private:
  Result<void> remove_leftovers(const ImageRef& ref) const;
  std::filesystem::path root_;
};

}  // namespace cove
