#include "hypervisor/qemu/ram_backing.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr mode_t kMode = 0600;

bool on_tmpfs(const std::string& folder) {
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

std::optional<std::uint64_t> meminfo_bytes(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) != key) continue;
    line = trim(line.substr(key.size()));
    const auto number = parse_u64(line.substr(0, line.find(' ')));
    if (number) return *number * 1024;
  }
  return std::nullopt;
}

// What the kernel thinks it can still hand out, swap included.
Result<std::uint64_t> host_memory_left() {
  const std::string text = COVE_TRY(read_file("/proc/meminfo"));
  const auto available = meminfo_bytes(text, "MemAvailable:");
  if (!available) return Error(Code::kInternal, "/proc/meminfo has no MemAvailable");
  return *available + meminfo_bytes(text, "SwapFree:").value_or(0);
}

// What hot_layer_path() calls frozen memories; this library does not know saved states.
constexpr std::string_view kFrozenPrefix = "cove-layer-";

// Sparse bytes of the regular files in a folder: promised to running VMs, not yet taken by them. A frozen
// memory is mapped privately and never grows.
std::uint64_t promised_bytes(const std::string& folder) {
  std::uint64_t promised = 0;
  const auto names = list_directory(folder);
  if (!names.ok()) return 0;
  for (const auto& name : *names) {
    if (name.starts_with(kFrozenPrefix)) continue;
    struct stat info {};
    if (::lstat((std::filesystem::path(folder) / name).c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      continue;
    const auto length = static_cast<std::uint64_t>(info.st_size);
    const auto taken = static_cast<std::uint64_t>(info.st_blocks) * 512;
    if (length > taken) promised += length - taken;
  }
  return promised;
}

Error too_little(std::string_view where, std::uint64_t bytes, std::uint64_t left) {
  return Error(Code::kResourceExhausted, "the VM's memory of " + format_bytes(bytes) + " does not fit: " +
                                             std::string(where) + " has " + format_bytes(left) + " left")
      .hint("stop another VM, or give this one less memory with 'cove set -memory'");
}

Result<void> check_left(std::string_view where, std::uint64_t left, std::uint64_t promised,
                        std::uint64_t bytes) {
  left -= std::min(left, promised);
  if (left < bytes) return too_little(where, bytes, left);
  return {};
}

}  // namespace

Result<void> check_ram_fits(const std::string& tmpfs_folder, std::uint64_t bytes) {
  const std::uint64_t promised = tmpfs_folder.empty() ? 0 : promised_bytes(tmpfs_folder);
  if (!tmpfs_folder.empty()) {
    COVE_TRY(check_left(tmpfs_folder, COVE_TRY(free_space(tmpfs_folder)), promised, bytes));
  }
  return check_left("the host", COVE_TRY(host_memory_left()), promised, bytes);
}

Result<RamBacking> RamBacking::create(const std::string& wanted_path, std::uint64_t bytes) {
  const std::string folder = std::filesystem::path(wanted_path).parent_path().string();
  RamBacking ram;
  if (!folder.empty() && on_tmpfs(folder)) {
    // First the remains of a crash, so that they do not count.
    if (::unlink(wanted_path.c_str()) != 0 && errno != ENOENT) {
      return Error::from_errno(errno, "removing the old RAM file " + wanted_path);
    }
    COVE_TRY(check_ram_fits(folder, bytes));
    ram.fd_ = COVE_TRY(open_file(wanted_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kMode));
    ram.path_ = wanted_path;
  } else {
    COVE_TRY(check_ram_fits({}, bytes));
    ram.fd_.reset(::memfd_create("cove-ram", MFD_CLOEXEC));
    if (!ram.fd_) return Error::from_errno(errno, "memfd_create");
  }
  if (::ftruncate(ram.fd_.get(), static_cast<off_t>(bytes)) != 0) {
    return Error::from_errno(errno, "sizing the VM's memory to " + format_bytes(bytes));
  }
  return ram;
}

Result<RamBacking> RamBacking::adopt(UniqueFd frozen, std::uint64_t bytes) {
  struct stat info {};
  if (::fstat(frozen.get(), &info) != 0) return Error::from_errno(errno, "looking at the frozen memory");
  if (static_cast<std::uint64_t>(info.st_size) != bytes) {
    return Error(Code::kDataLoss, "the frozen memory has " + std::to_string(info.st_size) + " bytes, not " +
                                      std::to_string(bytes));
  }
  constexpr std::uint64_t kShare = 10;
  COVE_TRY(check_ram_fits({}, bytes / kShare));
  RamBacking ram;
  ram.fd_ = std::move(frozen);
  return ram;
}

Result<void> RamBacking::give_away(const std::string& name) {
  if (path_.empty()) return Error(Code::kUnimplemented, "the VM's memory is not a named file");
  if (::rename(path_.c_str(), name.c_str()) != 0)
    return Error::from_errno(errno, "renaming the VM's memory to " + name);
  path_.clear();
  return {};
}

RamBacking::RamBacking(RamBacking&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}

RamBacking& RamBacking::operator=(RamBacking&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

RamBacking::~RamBacking() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace cove
