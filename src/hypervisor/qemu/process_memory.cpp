#include "hypervisor/qemu/process_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxMaps = std::size_t{16} << 20U;
// Of an entry of pagemap, as in the kernel's admin-guide/mm/pagemap.rst.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63U;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62U;
constexpr std::uint64_t kFileOrShared = std::uint64_t{1} << 61U;

std::string proc_path(pid_t pid, std::string_view file) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(file);
}

// One line of maps: "START-END rw-p OFFSET MAJOR:MINOR INODE  PATH", numbers but the inode hexadecimal.
struct MapLine {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;
  dev_t device = 0;
  std::uint64_t inode = 0;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}
  std::uint64_t number(int base, char after) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, base);
    if (error != std::errc() || end == rest_.data() + rest_.size() || *end != after) good_ = false;
    if (good_) rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()) + 1);
    return value;
  }
  void skip_word() {
    const auto space = rest_.find(' ');
    if (space == std::string_view::npos) good_ = false;
    if (good_) rest_.remove_prefix(space + 1);
  }
  bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<MapLine> parse_map_line(std::string_view text) {
  MapLine line;
  FieldReader reader(text);
  line.start = reader.number(16, '-');
  line.end = reader.number(16, ' ');
  reader.skip_word();
  line.offset = reader.number(16, ' ');
  const auto major_number = reader.number(16, ':');
  const auto minor_number = reader.number(16, ' ');
  line.device = ::makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
  line.inode = reader.number(10, ' ');
  if (!reader.good()) return std::nullopt;
  return line;
}

}  // namespace

Result<ProcessMemory> ProcessMemory::open(pid_t pid) {
  auto mem = COVE_TRY(open_file(proc_path(pid, "mem"), O_RDWR));
  auto pagemap = COVE_TRY(open_file(proc_path(pid, "pagemap"), O_RDONLY));
  return ProcessMemory(pid, std::move(mem), std::move(pagemap));
}

Result<MemoryRange> ProcessMemory::find_mapping(int fd) const {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "looking at the memory's file");
  const auto maps = COVE_TRY(read_file(proc_path(pid_, "maps"), kMaxMaps));
  MemoryRange range;
  for (const auto text : split(maps, '\n')) {
    const auto line = parse_map_line(text);
    if (!line || line->inode != info.st_ino || line->device != info.st_dev) continue;
    if (line->offset == 0) range = {line->start, 0};
    if (line->start != range.start + range.bytes || line->offset != range.bytes) continue;
    range.bytes += line->end - line->start;
    if (range.bytes == static_cast<std::uint64_t>(info.st_size)) return range;
  }
  return Error(Code::kNotFound,
               "process " + std::to_string(pid_) + " does not have the memory's file mapped");
}

Result<std::vector<PageRun>> ProcessMemory::private_pages(const MemoryRange& range) const {
  std::vector<PageRun> runs;
  std::vector<std::uint64_t> entries(std::size_t{64} << 10U);
  const std::uint64_t pages = range.bytes / kGuestPageBytes;
  for (std::uint64_t at = 0; at < pages; at += entries.size()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(entries.size(), pages - at));
    const auto offset = static_cast<off_t>((range.start / kGuestPageBytes + at) * sizeof entries[0]);
    const auto got = ::pread(pagemap_.get(), entries.data(), wanted * sizeof entries[0], offset);
    if (got < 0) return Error::from_errno(errno, "reading which pages have changed");
    if (static_cast<std::size_t>(got) != wanted * sizeof entries[0])
      return Error(Code::kInternal, "reading which pages have changed: it ends too early");
    for (std::size_t i = 0; i < wanted; ++i) {
      if ((entries[i] & (kPresent | kSwapped)) == 0 || (entries[i] & kFileOrShared) != 0) continue;
      const auto page = static_cast<std::uint32_t>(at + i);
      if (!runs.empty() && runs.back().first + runs.back().count == page) {
        ++runs.back().count;
      } else {
        runs.push_back({page, 1});
      }
    }
  }
  return runs;
}

Result<void> ProcessMemory::read(std::uint64_t address, std::span<char> buffer) const {
  while (!buffer.empty()) {
    const auto got = ::pread(mem_.get(), buffer.data(), buffer.size(), static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "reading the engine's memory");
    if (got == 0) return Error(Code::kUnavailable, "reading the engine's memory: the process has ended");
    buffer = buffer.subspan(static_cast<std::size_t>(got));
    address += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> ProcessMemory::write(std::uint64_t address, std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto done = ::pwrite(mem_.get(), bytes.data(), bytes.size(), static_cast<off_t>(address));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return Error::from_errno(errno, "writing the engine's memory");
    if (done == 0) return Error(Code::kUnavailable, "writing the engine's memory: the process has ended");
    bytes.remove_prefix(static_cast<std::size_t>(done));
    address += static_cast<std::uint64_t>(done);
  }
  return {};
}

}  // namespace cove
