// DiskImage: a disk of a VM as a file: raw (sparse) or qcow2. A value: a path and a format that was checked.
// The caller owns the file and says its format; it is never guessed from the content, because a guest writes
// the content. Any thread; two writers of one file need a lock of their own. Sizes are bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/cancel.h"
#include "base/progress.h"
#include "model/disk_format.h"

namespace cove {

struct DiskInfo {
  DiskFormat format = DiskFormat::kRaw;
  std::uint64_t virtual_bytes = 0;               // what the guest sees
  std::uint64_t allocated_bytes = 0;             // what the file takes on the host
  std::optional<std::filesystem::path> backing;  // absolute
  DiskFormat backing_format = DiskFormat::kRaw;
};

class DiskImage {
 public:
  // An empty disk, mode 0600. kAlreadyExists if there is a file. A multiple of 512 bytes, 1 TiB * 16 at most.
  static Result<DiskImage> create(const std::filesystem::path& path, DiskFormat format, std::uint64_t bytes);
  // kNotFound; kDataLoss if the header is not what `format` says.
  static Result<DiskImage> open(const std::filesystem::path& path, DiskFormat format);

  const std::filesystem::path& path() const { return path_; }
  DiskFormat format() const { return format_; }
  Result<DiskInfo> info() const;
  // A new qcow2 disk over this one, which must not be written to any more. `bytes` 0 = this one's size; less
  // than it is refused (kOutOfRange). Under a millisecond: only a header and two small tables are written.
  Result<DiskImage> overlay_at(const std::filesystem::path& path, std::uint64_t bytes = 0) const;
  // A copy that shares blocks where the file system can (reflink), else copies what is not a hole. The copy
  // appears whole or not at all; an overlay's copy has the same backing file.
  Result<DiskImage> clone_to(const OpContext& ctx, const std::filesystem::path& path,
                             Progress& progress) const;
  // Says another file of the folder as backing file, with the same content and a name as long
  // (kInvalidArgument). Nobody may have this one open; durable when it returns.
  Result<void> rename_backing(std::string_view name) const;
  // Makes the disk larger while no VM uses it; kOutOfRange if it would shrink.
  Result<void> grow(std::uint64_t bytes);

 private:
  DiskImage(std::filesystem::path path, DiskFormat format) : path_(std::move(path)), format_(format) {}
  std::filesystem::path path_;
  DiskFormat format_;
};

}  // namespace cove
