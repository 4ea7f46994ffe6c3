#include "tree/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_hash.h"

namespace cove {

using agent::v1::TreeChunk;
using agent::v1::TreeData;
using agent::v1::TreeEntry;
using agent::v1::TreeTotals;

namespace {

constexpr std::size_t kMaxPath = 16384;

Error bad_chunk(const std::string& why) { return Error(Code::kInvalidArgument, "copy stream: " + why); }

Result<std::vector<std::string>> components(const std::string& path) {
  if (path.size() > kMaxPath) return bad_chunk("path too long");
  std::vector<std::string> parts;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos) {
      return bad_chunk("path \"" + path + "\"");
    }
    parts.emplace_back(part);
  }
  return parts;
}

timespec time_of(std::int64_t ns) {
  std::int64_t seconds = ns / 1'000'000'000;
  std::int64_t rest = ns % 1'000'000'000;
  if (rest < 0) rest += 1'000'000'000, --seconds;
  return {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, path);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace

struct TreeWriter::Impl {
  // The file being written. `temporary` is set when an older file of that name is replaced at the end.
  struct Open {
    UniqueFd fd;
    int parent = -1;
    std::string name;
    std::string temporary;
    TreeEntry entry;
    std::uint64_t next_offset = 0;
  };
  struct Folder {
    std::string path;
    std::uint32_t mode;
    std::int64_t mtime_ns;
  };

  std::string destination;
  UniqueFd root;          // the folder that top entries go into
  std::string rename_to;  // the top entry's name if the destination itself is the name
  std::string top_name;   // the one top entry seen, when rename_to is set
  std::optional<Open> open;
  std::vector<Folder> folders;
  std::string parent_path;  // of parent_fd: the folder last used
  UniqueFd parent_fd;
  TreeHash hash;
  TreeTotals totals;

  ~Impl() { abandon(); }

  void abandon() {
    if (!open) return;
    ::unlinkat(open->parent, (open->temporary.empty() ? open->name : open->temporary).c_str(), 0);
    open.reset();
  }

  // The path with the top entry renamed if need be.
  Result<std::vector<std::string>> place(const TreeEntry& entry) {
    auto parts = COVE_TRY(components(entry.path()));
    if (rename_to.empty()) return parts;
    if (top_name.empty() && parts.size() == 1) top_name = parts[0];
    if (parts[0] != top_name) return bad_chunk("several entries for one name");
    parts[0] = rename_to;
    return parts;
  }

  // The folder that holds the last component. Consecutive entries mostly share it.
  Result<int> parent_of(const std::vector<std::string>& parts) {
    if (parts.size() == 1) return root.get();
    const std::string path = join({parts.begin(), parts.end() - 1}, "/");
    if (parent_fd && path == parent_path) return parent_fd.get();
    UniqueFd fd;
    int at = root.get();
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      UniqueFd next(::openat(at, parts[i].c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next) return Error::from_errno(errno, path);
      fd = std::move(next);
      at = fd.get();
    }
    parent_fd = std::move(fd);
    parent_path = path;
    return parent_fd.get();
  }

  Result<void> entry(const TreeEntry& entry) {
    if (open) return bad_chunk("an entry inside a file");
    // A stream has no name of its own to get in a folder.
    if (entry.stream() && rename_to.empty())
      return Error(Code::kInvalidArgument, destination + " is a folder: name the file to write in it");
    const auto parts = COVE_TRY(place(entry));
    const int parent = COVE_TRY(parent_of(parts));
    if (entry.type() == TreeEntry::DIRECTORY) return folder(parent, parts, entry);
    if (entry.type() == TreeEntry::SYMLINK) return link(parent, parts.back(), entry);
    COVE_TRY(open_file_entry(parent, parts.back(), entry));
    if (!entry.has_content()) {
      hash.reset();
      return {};
    }
    if (TreeHash::of(entry.content()) != entry.xxh64() || entry.content().size() != entry.size())
      return corrupt();
    COVE_TRY(write_at(open->fd.get(), entry.content(), 0, entry.path()));
    totals.set_bytes(totals.bytes() + entry.content().size());
    return close_file();
  }

  Error corrupt() {
    const std::string path = open ? open->entry.path() : std::string();
    abandon();
    return Error(Code::kDataLoss, path + ": checksum mismatch").hint("copy it again");
  }

  Result<void> folder(int parent, const std::vector<std::string>& parts, const TreeEntry& entry) {
    // Writable for us until the end, whatever its own mode says.
    if (::mkdirat(parent, parts.back().c_str(), 0700) < 0) {
      if (errno != EEXIST) return Error::from_errno(errno, entry.path());
      struct stat status {};
      if (::fstatat(parent, parts.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
          !S_ISDIR(status.st_mode)) {
        return Error(Code::kFailedPrecondition, entry.path() + ": exists and is not a folder");
      }
    }
    folders.push_back({join(parts, "/"), entry.mode() & 07777U, entry.mtime_ns()});
    totals.set_directories(totals.directories() + 1);
    return {};
  }

  Result<void> link(int parent, const std::string& name, const TreeEntry& entry) {
    if (::symlinkat(entry.link_target().c_str(), parent, name.c_str()) < 0) {
      if (errno != EEXIST) return Error::from_errno(errno, entry.path());
      const std::string temporary = "." + hex_encode(random_bytes(8));
      if (::symlinkat(entry.link_target().c_str(), parent, temporary.c_str()) < 0 ||
          ::renameat(parent, temporary.c_str(), parent, name.c_str()) < 0) {
        Error error = Error::from_errno(errno, entry.path());
        ::unlinkat(parent, temporary.c_str(), 0);
        return error;
      }
    }
    const timespec times[2] = {{0, UTIME_OMIT}, time_of(entry.mtime_ns())};
    ::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    totals.set_symlinks(totals.symlinks() + 1);
    return {};
  }

  Result<void> open_file_entry(int parent, const std::string& name, const TreeEntry& entry) {
    Open file;
    file.parent = parent;
    file.name = name;
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file.fd.reset(::openat(parent, name.c_str(), kFlags, 0600));
    if (!file.fd && errno == EEXIST) {
      struct stat status {};
      if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode)) {
        return Error(Code::kFailedPrecondition, entry.path() + ": a folder of that name is in the way");
      }
      file.temporary = "." + hex_encode(random_bytes(8));
      file.fd.reset(::openat(parent, file.temporary.c_str(), kFlags, 0600));
    }
    if (!file.fd) return Error::from_errno(errno, entry.path());
    file.entry.set_path(entry.path());
    file.entry.set_mode(entry.mode());
    file.entry.set_mtime_ns(entry.mtime_ns());
    file.entry.set_size(entry.size());
    file.entry.set_stream(entry.stream());
    open = std::move(file);
    return {};
  }

  Result<void> data(const TreeData& piece) {
    if (!open) return bad_chunk("data outside a file");
    if (piece.offset() < open->next_offset) return bad_chunk("data out of order");
    const std::uint64_t limit = open->entry.stream() ? std::uint64_t{1} << 62U : open->entry.size();
    if (piece.offset() > limit || piece.data().size() > limit - piece.offset()) {
      return bad_chunk("data beyond the end of the file");
    }
    hash.update(piece.data());
    COVE_TRY(write_at(open->fd.get(), piece.data(), piece.offset(), open->entry.path()));
    open->next_offset = piece.offset() + piece.data().size();
    totals.set_bytes(totals.bytes() + piece.data().size());
    return {};
  }

  Result<void> end(std::uint64_t expected) {
    if (!open) return bad_chunk("an end outside a file");
    if (hash.digest() != expected) return corrupt();
    // A hole at the end has no data that would have made the file long enough.
    if (!open->entry.stream() && open->next_offset < open->entry.size() &&
        ::ftruncate(open->fd.get(), static_cast<off_t>(open->entry.size())) < 0) {
      return Error::from_errno(errno, open->entry.path());
    }
    return close_file();
  }

  Result<void> close_file() {
    const TreeEntry& entry = open->entry;
    if (::fchmod(open->fd.get(), entry.mode() & 07777U) < 0) return Error::from_errno(errno, entry.path());
    if (!entry.stream()) {
      const timespec times[2] = {{0, UTIME_OMIT}, time_of(entry.mtime_ns())};
      ::futimens(open->fd.get(), times);
    }
    if (!open->temporary.empty() &&
        ::renameat(open->parent, open->temporary.c_str(), open->parent, open->name.c_str()) < 0) {
      return Error::from_errno(errno, entry.path());
    }
    // Network and quota file systems report a full disk only at close.
    if (::close(open->fd.release()) < 0) return Error::from_errno(errno, entry.path());
    open.reset();
    totals.set_files(totals.files() + 1);
    return {};
  }

  Result<void> finish_folders() {
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      const auto parts = COVE_TRY(components(folder->path));
      const int parent = COVE_TRY(parent_of(parts));
      const UniqueFd fd(
          ::openat(parent, parts.back().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd || ::fchmod(fd.get(), folder->mode) < 0) return Error::from_errno(errno, folder->path);
      const timespec times[2] = {{0, UTIME_OMIT}, time_of(folder->mtime_ns)};
      ::futimens(fd.get(), times);
    }
    return {};
  }
};

TreeWriter::TreeWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TreeWriter::TreeWriter(TreeWriter&&) noexcept = default;
TreeWriter& TreeWriter::operator=(TreeWriter&&) noexcept = default;
TreeWriter::~TreeWriter() = default;

Result<TreeWriter> TreeWriter::create(const std::filesystem::path& destination, TreeInto into) {
  auto impl = std::make_unique<Impl>();
  impl->destination = destination.string();
  std::filesystem::path plain = destination.lexically_normal();
  const bool slash = plain.has_relative_path() && plain.filename().empty();
  if (slash) plain = plain.parent_path();
  impl->root.reset(::open(plain.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (impl->root) return TreeWriter(std::move(impl));
  if (errno != ENOENT && errno != ENOTDIR) return Error::from_errno(errno, destination.string());
  if (into == TreeInto::kDirectory || slash) {
    return Error(Code::kFailedPrecondition, destination.string() + ": not an existing folder")
        .hint("make the folder first, or name a folder that is there");
  }
  const auto parent = plain.has_parent_path() ? plain.parent_path() : std::filesystem::path(".");
  impl->root = COVE_TRY(open_file(parent, O_RDONLY | O_DIRECTORY));
  impl->rename_to = plain.filename().string();
  return TreeWriter(std::move(impl));
}

Result<void> TreeWriter::apply(const TreeChunk& chunk) {
  for (const auto& item : chunk.items()) {
    if (item.has_entry()) {
      COVE_TRY(impl_->entry(item.entry()));
    } else if (item.has_data()) {
      COVE_TRY(impl_->data(item.data()));
    } else if (item.has_end()) {
      COVE_TRY(impl_->end(item.end().xxh64()));
    }
  }
  return {};
}

Result<TreeTotals> TreeWriter::finish() {
  if (impl_->open) {
    const std::string path = impl_->open->entry.path();
    impl_->abandon();
    return Error(Code::kDataLoss, path + ": the copy ended inside the file");
  }
  COVE_TRY(impl_->finish_folders());
  return impl_->totals;
}

std::uint64_t TreeWriter::bytes() const { return impl_->totals.bytes(); }

}  // namespace cove
