#include "tree/tree_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/files.h"
#include "base/io.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_failure.h"
#include "tree/tree_hash.h"
#include "tree/tree_limits.h"

namespace cove {
namespace {

using agent::v1::TreeChunk;
using agent::v1::TreeEntry;
using agent::v1::TreeTotals;

constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;
constexpr std::size_t kInlineBytes = std::size_t{64} << 10U;
constexpr std::size_t kEntryOverhead = 64;

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::int64_t mtime_of(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

const char* kind_of(const struct stat& status) {
  if (S_ISFIFO(status.st_mode)) return "pipe";
  return S_ISSOCK(status.st_mode) ? "socket" : "device";
}

class Reader {
 public:
  Reader(const OpContext& ctx, const TreeEmit& emit, const TreeCount& count)
      : ctx_(ctx), emit_(emit), count_(count), buffer_(kChunkBytes, '\0') {}

  Result<void> top(const TreeSource& source) {
    source_ = &source;
    struct stat status {};
    if (::stat(source.path.c_str(), &status) < 0) return failed(system_error(source.name));
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
      return failed(Error(Code::kFailedPrecondition, shown(source.name) + " is a " + kind_of(status) +
                                                         ", which has no content to copy"));
    }
    return entry(AT_FDCWD, source.path.string(), source.name, status, 0);
  }

  Result<void> stream(int fd, const std::string& name, std::uint32_t mode) {
    TreeEntry* entry = add_entry(name, TreeEntry::FILE);
    entry->set_mode(mode);
    entry->set_stream(true);
    hash_.reset();
    std::uint64_t offset = 0;
    for (;;) {
      const std::size_t got = COVE_TRY(read_some(ctx_, fd, {buffer_.data(), buffer_.size()}));
      if (got == 0) break;
      COVE_TRY(data(offset, {buffer_.data(), got}));
      offset += got;
    }
    return end_file();
  }

  Result<TreeTotals> finish() {
    *chunk_.mutable_totals() = totals_;
    COVE_TRY(emit_(chunk_));
    return totals_;
  }

 private:
  // What an error calls the entry: by the source's path rather than by the name it arrives under.
  std::string shown(const std::string& path) const {
    return source_->path.string() + path.substr(source_->name.size());
  }
  Error system_error(const std::string& path) const {
    const int number = errno;
    return Error::from_errno(number, shown(path));
  }

  // The entry is lost, the others are not.
  Result<void> failed(const Error& error) {
    fill_failure(*chunk_.add_items()->mutable_failure(), error);
    pending_ += error.message().size() + kEntryOverhead;
    return flush_if_full();
  }

  TreeEntry* add_entry(const std::string& path, TreeEntry::Type type) {
    TreeEntry* entry = chunk_.add_items()->mutable_entry();
    entry->set_path(path);
    entry->set_type(type);
    pending_ += path.size() + kEntryOverhead;
    return entry;
  }

  Result<void> flush_if_full() {
    if (pending_ < kChunkBytes) return {};
    Result<void> sent = ctx_.check();
    if (sent.ok()) sent = emit_(chunk_);
    stopped_ = !sent.ok();
    chunk_.Clear();
    pending_ = 0;
    return sent;
  }

  Result<void> entry(int parent, const std::string& name, const std::string& path, const struct stat& status,
                     std::size_t depth) {
    Result<void> done;
    if (S_ISREG(status.st_mode)) {
      done = file(parent, name, path);
    } else if (S_ISDIR(status.st_mode)) {
      done = folder(parent, name, path, status, depth);
    } else if (S_ISLNK(status.st_mode)) {
      done = link(parent, name, path, status);
    } else {
      totals_.add_skipped(path);
    }
    if (stopped_) return done;
    return done.ok() ? flush_if_full() : failed(done.error());
  }

  Result<void> link(int parent, const std::string& name, const std::string& path, const struct stat& status) {
    char target[4097];
    const ssize_t length = ::readlinkat(parent, name.c_str(), target, sizeof target);
    if (length < 0) return system_error(path);
    TreeEntry* entry = add_entry(path, TreeEntry::SYMLINK);
    entry->set_link_target(std::string(target, static_cast<std::size_t>(length)));
    entry->set_mtime_ns(mtime_of(status));
    totals_.set_symlinks(totals_.symlinks() + 1);
    return {};
  }

  Result<void> folder(int parent, const std::string& name, const std::string& path, const struct stat& status,
                      std::size_t depth) {
    if (depth >= kMaxTreeDepth)
      return Error(Code::kResourceExhausted, shown(path) + ": nested deeper than 256 folders");
    UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return system_error(path);
    TreeEntry* made = add_entry(path, TreeEntry::DIRECTORY);
    made->set_mode(status.st_mode & 07777U);
    made->set_mtime_ns(mtime_of(status));
    totals_.set_directories(totals_.directories() + 1);
    const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(fd.get()));
    if (!directory) return system_error(path);
    const int folder_fd = fd.release();  // the stream closes it
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* item = ::readdir(directory.get())) {
      const std::string_view word = item->d_name;
      if (word != "." && word != "..") names.emplace_back(word);
    }
    if (errno != 0) return system_error(path);
    std::sort(names.begin(), names.end());
    for (const auto& child : names) {
      struct stat child_status {};
      if (::fstatat(folder_fd, child.c_str(), &child_status, AT_SYMLINK_NOFOLLOW) < 0) {
        // Unless it is gone since it was listed.
        if (errno != ENOENT) COVE_TRY(failed(system_error(path + "/" + child)));
        continue;
      }
      COVE_TRY(entry(folder_fd, child, path + "/" + child, child_status, depth + 1));
    }
    return {};
  }

  Result<void> file(int parent, const std::string& name, const std::string& path) {
    const int follow = parent == AT_FDCWD ? 0 : O_NOFOLLOW;
    const UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow));
    if (!fd) return system_error(path);
    struct stat status {};
    if (::fstat(fd.get(), &status) < 0) return system_error(path);
    if (static_cast<std::size_t>(status.st_size) <= kInlineBytes) return small(fd.get(), path, status);
    add_file(path, status)->set_size(static_cast<std::uint64_t>(status.st_size));
    hash_.reset();
    const bool sparse = status.st_blocks * 512 < status.st_size;
    COVE_TRY(sparse ? extents(fd.get(), path, status.st_size) : range(fd.get(), path, 0, status.st_size));
    return end_file();
  }

  TreeEntry* add_file(const std::string& path, const struct stat& status) {
    TreeEntry* made = add_entry(path, TreeEntry::FILE);
    made->set_mode(status.st_mode & 07777U);
    made->set_mtime_ns(mtime_of(status));
    return made;
  }

  Result<void> small(int fd, const std::string& path, const struct stat& status) {
    std::string content;
    while (content.size() <= kInlineBytes) {
      const ssize_t got = ::read(fd, buffer_.data(), kInlineBytes + 1 - content.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(path);
      if (got == 0) break;
      content.append(buffer_.data(), static_cast<std::size_t>(got));
    }
    // It grew while we looked: what was announced is what is sent.
    content.resize(std::min(content.size(), kInlineBytes));
    TreeEntry* made = add_file(path, status);
    made->set_size(content.size());
    made->set_xxh64(TreeHash::of(content));
    pending_ += content.size();
    add_bytes(content.size());
    made->set_content(std::move(content));
    totals_.set_files(totals_.files() + 1);
    return {};
  }

  Result<void> extents(int fd, const std::string& path, off_t size) {
    off_t at = 0;
    while (at < size) {
      const off_t start = ::lseek(fd, at, SEEK_DATA);
      if (start < 0 && errno == ENXIO) return {};  // a hole to the end
      if (start < 0) return range(fd, path, at, size);
      const off_t stop = std::min(size, ::lseek(fd, start, SEEK_HOLE));
      if (stop <= start)
        return Error(Code::kInternal, shown(path) + ": the file system reports an empty extent");
      COVE_TRY(range(fd, path, start, stop));
      at = stop;
    }
    return {};
  }

  Result<void> range(int fd, const std::string& path, off_t start, off_t stop) {
    while (start < stop) {
      const auto want = std::min<std::size_t>(buffer_.size(), static_cast<std::size_t>(stop - start));
      const ssize_t got = ::pread(fd, buffer_.data(), want, start);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(path);
      if (got == 0) return {};  // cut short since it was opened; the rest arrives as a hole
      COVE_TRY(data(static_cast<std::uint64_t>(start), {buffer_.data(), static_cast<std::size_t>(got)}));
      start += got;
    }
    return {};
  }

  Result<void> data(std::uint64_t offset, std::string_view bytes) {
    hash_.update(bytes);
    auto* item = chunk_.add_items()->mutable_data();
    item->set_offset(offset);
    item->set_data(std::string(bytes));
    pending_ += bytes.size();
    add_bytes(bytes.size());
    return flush_if_full();
  }

  Result<void> end_file() {
    chunk_.add_items()->mutable_end()->set_xxh64(hash_.digest());
    pending_ += kEntryOverhead;
    totals_.set_files(totals_.files() + 1);
    return flush_if_full();
  }

  void add_bytes(std::size_t bytes) {
    totals_.set_bytes(totals_.bytes() + bytes);
    if (count_) count_(totals_.bytes());
  }

  const OpContext& ctx_;
  const TreeEmit& emit_;
  const TreeCount& count_;
  const TreeSource* source_ = nullptr;  // being read
  TreeChunk chunk_;
  bool stopped_ = false;     // nobody takes chunks any more
  std::size_t pending_ = 0;  // bytes in chunk_, about
  TreeTotals totals_;
  TreeHash hash_;
  std::string buffer_;
};

}  // namespace

Result<TreeTotals> read_tree(const OpContext& ctx, const std::vector<TreeSource>& sources,
                             const TreeEmit& emit, const TreeCount& count) {
  Reader reader(ctx, emit, count);
  for (const auto& source : sources) COVE_TRY(reader.top(source));
  return reader.finish();
}

Result<TreeTotals> read_stream(const OpContext& ctx, int fd, const std::string& name, std::uint32_t mode,
                               const TreeEmit& emit, const TreeCount& count) {
  Reader reader(ctx, emit, count);
  COVE_TRY(reader.stream(fd, name, mode));
  return reader.finish();
}

std::uint64_t tree_bytes(const std::vector<TreeSource>& sources) {
  namespace fs = std::filesystem;
  std::uint64_t total = 0;
  for (const auto& source : sources) {
    std::error_code error;
    if (fs::is_regular_file(source.path, error)) {
      const auto size = fs::file_size(source.path, error);
      if (!error) total += size;
      continue;
    }
    fs::recursive_directory_iterator items(source.path, fs::directory_options::skip_permission_denied, error);
    for (; !error && items != fs::recursive_directory_iterator(); items.increment(error)) {
      std::error_code ignored;
      if (items->is_symlink(ignored) || !items->is_regular_file(ignored)) continue;
      const auto size = items->file_size(ignored);
      if (!ignored) total += size;
    }
  }
  return total;
}

}  // namespace cove
