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
#include "tree/named_place.h"
#include "tree/partial_file.h"
#include "tree/tree_hash.h"

namespace cove {

using agent::v1::TreeChunk;
using agent::v1::TreeData;
using agent::v1::TreeEntry;
using agent::v1::TreeItem;
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
  // The file being written.
  struct Open {
    PartialFile file;
    std::string name;
    TreeEntry entry;  // without its content
    std::uint64_t next_offset = 0;
  };
  // The device or pipe being written.
  struct Special {
    UniqueFd fd;
    TreeToStream stream{fd.get()};
  };
  struct Folder {
    std::string path;
    std::uint32_t mode;
    std::int64_t mtime_ns;
  };

  std::string destination;
  UniqueFd root;                       // the folder that top entries go into
  std::string rename_to;               // the top entry's name if the destination itself is the name
  std::string top_name;                // the one top entry seen, when rename_to is set
  std::filesystem::path special_path;  // the destination is a device or pipe; there is no root then
  std::unique_ptr<Special> special;
  TemporaryNames temporary_names;
  bool root_cleaned = false;
  std::optional<Open> open;
  std::vector<Folder> folders;
  std::string parent_path;  // of parent_fd: the folder last used
  UniqueFd parent_fd;
  TreeHash hash;
  TreeTotals totals;

  ~Impl() { open.reset(); }  // before the folder it is in

  Result<void> item(const OpContext& ctx, const TreeItem& item) {
    if (!special_path.empty()) return special_item(ctx, item);
    if (item.has_entry()) return entry(item.entry());
    if (item.has_data()) return data(item.data());
    if (item.has_end()) return end(item.end().xxh64());
    if (item.has_failure()) open.reset();
    return {};
  }

  Result<void> special_item(const OpContext& ctx, const TreeItem& item) {
    if (item.has_entry() && !special) {
      if (item.entry().type() != TreeEntry::FILE)
        return Error(Code::kFailedPrecondition, destination + ": exists and is not a folder");
      UniqueFd fd = COVE_TRY(open_special(special_path));
      special.reset(new Special{.fd = std::move(fd)});
    }
    if (!special) return {};  // a failure
    COVE_TRY(special->stream.apply(ctx, item).context(destination));
    totals.set_bytes(special->stream.bytes());
    return {};
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
    COVE_TRY(write_at(open->file.fd(), entry.content(), 0, entry.path()));
    totals.set_bytes(totals.bytes() + entry.content().size());
    return close_file();
  }

  Error corrupt() {
    const std::string path = open ? open->entry.path() : std::string();
    open.reset();
    return Error(Code::kDataLoss, path + ": checksum mismatch").hint("copy it again");
  }

  Result<void> folder(int parent, const std::vector<std::string>& parts, const TreeEntry& entry) {
    // Writable for us until the end, whatever its own mode says.
    if (::mkdirat(parent, parts.back().c_str(), 0700) < 0) {
      if (errno != EEXIST) return Error::from_errno(errno, entry.path());
      struct stat status {};
      if (::fstatat(parent, parts.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
          !S_ISDIR(status.st_mode)) {
        return Error(Code::kFailedPrecondition, shown(entry) + ": exists and is not a folder");
      }
      const UniqueFd fd(
          ::openat(parent, parts.back().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (fd) remove_abandoned(fd.get());
    }
    folders.push_back({join(parts, "/"), entry.mode() & 07777U, entry.mtime_ns()});
    totals.set_directories(totals.directories() + 1);
    return {};
  }

  Result<void> link(int parent, const std::string& name, const TreeEntry& entry) {
    if (::symlinkat(entry.link_target().c_str(), parent, name.c_str()) < 0) {
      if (errno != EEXIST) return Error::from_errno(errno, shown(entry));
      COVE_TRY(check_replaceable(parent, name, shown(entry)));
      const std::string temporary = temporary_names.next();
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

  // What an error calls the entry: the destination if that is its name.
  std::string shown(const TreeEntry& entry) const {
    return !rename_to.empty() && entry.path() == top_name ? destination : entry.path();
  }

  Result<void> open_file_entry(int parent, const std::string& name, const TreeEntry& entry) {
    if (parent == root.get() && !std::exchange(root_cleaned, true)) remove_abandoned(parent);
    COVE_TRY(check_replaceable(parent, name, shown(entry)));
    open = Open{.file = COVE_TRY(PartialFile::create(parent, temporary_names, shown(entry))),
                .name = name,
                .entry = {}};
    open->entry.set_path(entry.path());
    open->entry.set_mode(entry.mode());
    open->entry.set_mtime_ns(entry.mtime_ns());
    open->entry.set_size(entry.size());
    open->entry.set_stream(entry.stream());
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
    COVE_TRY(write_at(open->file.fd(), piece.data(), piece.offset(), open->entry.path()));
    open->next_offset = piece.offset() + piece.data().size();
    totals.set_bytes(totals.bytes() + piece.data().size());
    return {};
  }

  Result<void> end(std::uint64_t expected) {
    if (!open) return bad_chunk("an end outside a file");
    if (hash.digest() != expected) return corrupt();
    // A hole at the end has no data that would have made the file long enough.
    if (!open->entry.stream() && open->next_offset < open->entry.size() &&
        ::ftruncate(open->file.fd(), static_cast<off_t>(open->entry.size())) < 0) {
      return Error::from_errno(errno, open->entry.path());
    }
    return close_file();
  }

  Result<void> close_file() {
    const TreeEntry& entry = open->entry;
    const int fd = open->file.fd();
    if (::fchmod(fd, entry.mode() & 07777U) < 0) return Error::from_errno(errno, entry.path());
    if (!entry.stream()) {
      const timespec times[2] = {{0, UTIME_OMIT}, time_of(entry.mtime_ns())};
      ::futimens(fd, times);
    }
    // A sync for every file of a tree would make the copy many times slower.
    const bool alone = !rename_to.empty() && entry.path() == top_name;
    COVE_TRY(open->file.publish(open->name, alone ? PartialFile::Sync::kYes : PartialFile::Sync::kNo,
                                shown(entry)));
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
  NamedPlace place = COVE_TRY(find_named_place(plain));
  impl->root = std::move(place.folder);
  impl->rename_to = std::move(place.name);
  impl->special_path = std::move(place.special);
  return TreeWriter(std::move(impl));
}

Result<void> TreeWriter::apply(const OpContext& ctx, const TreeChunk& chunk) {
  for (const auto& item : chunk.items()) COVE_TRY(impl_->item(ctx, item));
  return {};
}

Result<TreeTotals> TreeWriter::finish() {
  if (impl_->open) {
    const std::string path = impl_->open->entry.path();
    impl_->open.reset();
    return Error(Code::kDataLoss, path + ": the copy ended inside the file");
  }
  if (impl_->special) {
    COVE_TRY(impl_->special->stream.finish().context(impl_->destination));
    impl_->totals.set_files(1);
  }
  COVE_TRY(impl_->finish_folders());
  return impl_->totals;
}

std::uint64_t TreeWriter::bytes() const { return impl_->totals.bytes(); }

}  // namespace cove
