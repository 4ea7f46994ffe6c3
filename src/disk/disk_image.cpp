#include "disk/disk_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"
#include "disk/sparse_copy.h"
#include "format/qcow2_header.h"

namespace cove {
namespace {

namespace fs = std::filesystem;

Result<Qcow2Header> read_header(const fs::path& path) {
  const UniqueFd fd = COVE_TRY(open_file(path, O_RDONLY));
  std::string bytes(kQcow2HeaderRead, '\0');
  bytes.resize(COVE_TRY(pread_upto(fd.get(), 0, bytes).context(path.string())));
  return parse_qcow2_header(bytes).context(path.string());
}

Result<std::uint64_t> file_length(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, path.string());
  if (!S_ISREG(info.st_mode)) return Error(Code::kInvalidArgument, path.string() + ": not a regular file");
  return static_cast<std::uint64_t>(info.st_size);
}

// A file that appears under its name whole or not at all, and never replaces another.
Result<void> write_new_file(const fs::path& path, std::string_view head, std::uint64_t bytes) {
  const fs::path temporary = path.string() + ".new-" + hex_encode(random_bytes(8));
  const UniqueFd fd = COVE_TRY(open_file(temporary, O_RDWR | O_CREAT | O_EXCL, 0600));
  const auto fill = [&]() -> Result<void> {
    COVE_TRY(pwrite_all(fd.get(), 0, head).context(path.string()));
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0 || ::fdatasync(fd.get()) != 0) {
      return Error::from_errno(errno, "writing " + path.string());
    }
    if (::link(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, path.string());
    return {};
  };
  auto done = fill();
  ::unlink(temporary.c_str());
  return done;
}

Result<void> check_size(std::uint64_t bytes) {
  if (bytes != 0 && bytes % 512 == 0 && bytes <= kMaxDiskBytes) return {};
  return Error(Code::kInvalidArgument,
               "disk size " + std::to_string(bytes) + ": must be a multiple of 512 and at most 16 TiB");
}

}  // namespace

Result<DiskImage> DiskImage::create(const fs::path& path, DiskFormat format, std::uint64_t bytes) {
  COVE_TRY(check_size(bytes));
  if (format == DiskFormat::kRaw) {
    COVE_TRY(write_new_file(path, {}, bytes));
  } else {
    const Qcow2Layout layout = COVE_TRY(encode_qcow2(bytes, {}, {}));
    COVE_TRY(write_new_file(path, layout.head, layout.file_bytes));
  }
  return DiskImage(path, format);
}

Result<DiskImage> DiskImage::open(const fs::path& path, DiskFormat format) {
  COVE_TRY(file_length(path));
  DiskImage image(path, format);
  COVE_TRY(image.info());
  return image;
}

Result<DiskInfo> DiskImage::info() const {
  DiskInfo info;
  info.format = format_;
  info.allocated_bytes = COVE_TRY(cove::allocated_bytes(path_));
  if (format_ == DiskFormat::kRaw) {
    info.virtual_bytes = COVE_TRY(file_length(path_));
    return info;
  }
  const Qcow2Header header = COVE_TRY(read_header(path_));
  info.virtual_bytes = header.virtual_bytes;
  if (!header.backing_file.empty()) {
    // A relative name counts from the folder of the file that holds it, as in QEMU.
    info.backing = (path_.parent_path() / header.backing_file).lexically_normal();
    info.backing_format = header.backing_format == "qcow2" ? DiskFormat::kQcow2 : DiskFormat::kRaw;
    if (header.backing_format != "qcow2" && header.backing_format != "raw") {
      return Error(Code::kDataLoss, path_.string() + ": does not say the format of its backing file");
    }
  }
  return info;
}

Result<DiskImage> DiskImage::overlay_at(const fs::path& path, std::uint64_t bytes) const {
  const DiskInfo base = COVE_TRY(info());
  if (bytes == 0) bytes = base.virtual_bytes;
  if (bytes < base.virtual_bytes) {
    return Error(Code::kOutOfRange, "a disk of " + format_bytes(bytes) + " is too small: " + path_.string() +
                                        " needs " + format_bytes(base.virtual_bytes));
  }
  std::error_code failure;
  const fs::path backing = fs::absolute(path_, failure);
  if (failure) return Error::from_errno(failure.value(), path_.string());
  const Qcow2Layout layout = COVE_TRY(encode_qcow2(bytes, backing.string(), to_string(format_)));
  COVE_TRY(write_new_file(path, layout.head, layout.file_bytes));
  return DiskImage(path, DiskFormat::kQcow2);
}

Result<DiskImage> DiskImage::clone_to(const OpContext& ctx, const fs::path& path, Progress& progress) const {
  const UniqueFd from = COVE_TRY(open_file(path_, O_RDONLY));
  const fs::path temporary = path.string() + ".new-" + hex_encode(random_bytes(8));
  const UniqueFd to = COVE_TRY(open_file(temporary, O_RDWR | O_CREAT | O_EXCL, 0600));
  const auto copy = [&]() -> Result<void> {
    if (::ioctl(to.get(), FICLONE, from.get()) != 0)
      COVE_TRY(copy_sparse(ctx, from.get(), to.get(), progress));
    if (::fdatasync(to.get()) != 0) return Error::from_errno(errno, "writing " + path.string());
    if (::link(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, path.string());
    return {};
  };
  auto done = copy();
  ::unlink(temporary.c_str());
  COVE_TRY(std::move(done).context("copying " + path_.string()));
  return DiskImage(path, format_);
}

Result<void> DiskImage::rename_backing(std::string_view name) const {
  const Qcow2Header header = COVE_TRY(read_header(path_));
  const auto folder = header.backing_file.rfind('/') + 1;  // 0 if there is none
  if (header.backing_file.size() - folder != name.size() || name.empty() || name.find('/') != name.npos)
    return Error(Code::kInvalidArgument, path_.string() + ": cannot stand on " + std::string(name));
  const UniqueFd fd = COVE_TRY(open_file(path_, O_WRONLY));
  COVE_TRY(pwrite_all(fd.get(), header.backing_offset + folder, name).context(path_.string()));
  if (::fsync(fd.get()) != 0) return Error::from_errno(errno, "writing " + path_.string());
  return {};
}

Result<void> DiskImage::grow(std::uint64_t bytes) {
  COVE_TRY(check_size(bytes));
  const DiskInfo now = COVE_TRY(info());
  if (bytes == now.virtual_bytes) return {};
  if (bytes < now.virtual_bytes) {
    return Error(Code::kOutOfRange, path_.string() + " has " + format_bytes(now.virtual_bytes) +
                                        ": a disk cannot be made smaller");
  }
  const UniqueFd fd = COVE_TRY(open_file(path_, O_RDWR));
  if (format_ == DiskFormat::kRaw) {
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
      return Error::from_errno(errno, path_.string());
    return {};
  }
  if (COVE_TRY(read_header(path_)).capacity_bytes() < bytes) {
    return Error(Code::kOutOfRange, path_.string() + " can grow to " +
                                        format_bytes(COVE_TRY(read_header(path_)).capacity_bytes()) +
                                        " only");
  }
  std::string field;
  for (unsigned shift = 64; shift > 0; shift -= 8)
    field.push_back(static_cast<char>(bytes >> (shift - 8) & 0xffU));
  COVE_TRY(pwrite_all(fd.get(), kQcow2SizeOffset, field).context(path_.string()));
  if (::fdatasync(fd.get()) != 0) return Error::from_errno(errno, "writing " + path_.string());
  return {};
}

}  // namespace cove
