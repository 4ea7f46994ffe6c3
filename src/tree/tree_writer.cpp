#include "tree/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "proto/cove_agent.pb.h"
#include "tree/folder_chain.h"
#include "tree/named_place.h"
#include "tree/partial_file.h"
#include "tree/partial_folder.h"
#include "tree/tree_hash.h"
#include "tree/tree_limits.h"

namespace cove {

using agent::v1::TreeChunk;
using agent::v1::TreeData;
using agent::v1::TreeEntry;
using agent::v1::TreeItem;
using agent::v1::TreeTotals;

namespace {

constexpr std::size_t kMaxPath = 16384;
// Set-user-ID and set-group-ID say as whom a program runs; who copies it owns it, and shall not lend that to
// whoever wrote it.
constexpr std::uint32_t kKeptMode = 01777;

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
  if (parts.size() > kMaxTreeDepth + 1) return bad_chunk("path too deep");
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
  // The topmost folder of those that the copy makes, while entries of it arrive. Nobody knows its name yet,
  // so what is in it needs no temporary names.
  struct Made {
    PartialFolder folder;
    std::vector<std::string> parts;  // of its path
    std::string shown;
    std::size_t first_folder;  // itself, in `folders`; the others from there on are below it
    FolderChain inside{folder.fd()};

    bool holds(const std::vector<std::string>& path, TreeEntry::Type type) const {
      if (path.size() < parts.size() || !std::equal(parts.begin(), parts.end(), path.begin())) return false;
      return path.size() > parts.size() || type == TreeEntry::DIRECTORY;  // two sources of one name
    }
  };

  std::string destination;
  UniqueFd root;                       // the folder that top entries go into
  std::string rename_to;               // the top entry's name if the destination itself is the name
  std::string top_name;                // the one top entry seen, when rename_to is set
  std::filesystem::path special_path;  // the destination is a device or pipe; there is no root then
  std::unique_ptr<Special> special;
  TemporaryNames temporary_names;
  bool root_cleaned = false;
  bool ended = false;           // the last chunk was there
  FolderChain chain{-1};        // from root
  std::vector<Folder> folders;  // whose modes and times are still to be set
  std::optional<Made> made;     // after the chain, one of whose folders it is in
  std::optional<Open> open;     // after the folder it is in
  TreeHash hash;
  TreeTotals totals;

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

  Result<int> open_folder(std::span<const std::string> parts) {
    return made ? made->inside.open(parts.subspan(made->parts.size())) : chain.open(parts);
  }

  Result<void> entry(const TreeEntry& entry) {
    if (open) return bad_chunk("an entry inside a file");
    // A stream has no name of its own to get in a folder.
    if (entry.stream() && rename_to.empty())
      return Error(Code::kInvalidArgument, destination + " is a folder: name the file to write in it");
    const auto parts = COVE_TRY(place(entry));
    if (made && !made->holds(parts, entry.type())) COVE_TRY(publish_made());
    if (entry.type() == TreeEntry::DIRECTORY) return folder(parts, entry);
    const int parent = COVE_TRY(open_folder({parts.begin(), parts.end() - 1}));
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

  Result<void> folder(const std::vector<std::string>& parts, const TreeEntry& entry) {
    totals.set_directories(totals.directories() + 1);
    if (made && parts.size() == made->parts.size()) return {};  // a second source of its name
    const int parent = COVE_TRY(open_folder({parts.begin(), parts.end() - 1}));
    COVE_TRY(made ? make_inside(parent, parts.back(), entry) : make_or_merge(parent, parts, entry));
    folders.push_back({join(parts, "/"), entry.mode() & kKeptMode, entry.mtime_ns()});
    return {};
  }

  Result<void> make_inside(int parent, const std::string& name, const TreeEntry& entry) {
    // Writable for us until the end, whatever its own mode says.
    if (::mkdirat(parent, name.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return Error::from_errno(errno, entry.path());
    return merge(parent, name, entry);
  }

  Result<void> make_or_merge(int parent, const std::vector<std::string>& parts, const TreeEntry& entry) {
    struct stat status {};
    if (::fstatat(parent, parts.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      return merge(parent, parts.back(), entry);
    if (errno != ENOENT) return Error::from_errno(errno, entry.path());
    clean_root(parent);
    made.emplace(Made{.folder = COVE_TRY(PartialFolder::create(parent, temporary_names, shown(entry))),
                      .parts = parts,
                      .shown = shown(entry),
                      .first_folder = folders.size()});
    return {};
  }

  // What is there must be a folder, and keeps what is in it.
  Result<void> merge(int parent, const std::string& name, const TreeEntry& entry) {
    struct stat status {};
    if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode))
      return Error(Code::kFailedPrecondition, shown(entry) + ": exists and is not a folder");
    const UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd) remove_abandoned(fd.get());
    return {};
  }

  void clean_root(int folder) {
    if (folder == root.get() && !std::exchange(root_cleaned, true)) remove_abandoned(folder);
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
    clean_root(parent);
    open = Open{.file = COVE_TRY(create_file(parent, name, shown(entry))), .name = name, .entry = {}};
    open->entry.set_path(entry.path());
    open->entry.set_mode(entry.mode());
    open->entry.set_mtime_ns(entry.mtime_ns());
    open->entry.set_size(entry.size());
    open->entry.set_stream(entry.stream());
    return {};
  }

  Result<PartialFile> create_file(int parent, const std::string& name, const std::string& shown_name) {
    if (made) {
      auto file = PartialFile::create_named(parent, name, shown_name);
      if (file.ok() || file.error().code() != Code::kAlreadyExists) return file;
    }
    COVE_TRY(check_replaceable(parent, name, shown_name));
    return PartialFile::create(parent, temporary_names, shown_name);
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
    if (::fchmod(fd, entry.mode() & kKeptMode) < 0) return Error::from_errno(errno, entry.path());
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

  // Below `made`, or of all if there is none, the deepest first.
  Result<void> finish_folders() {
    const std::size_t first = made ? made->first_folder : 0;
    for (; folders.size() > first; folders.pop_back()) {
      const Folder& folder = folders.back();
      const int fd = COVE_TRY(open_folder(COVE_TRY(components(folder.path))));
      if (::fchmod(fd, folder.mode) < 0) return Error::from_errno(errno, folder.path);
      const timespec times[2] = {{0, UTIME_OMIT}, time_of(folder.mtime_ns)};
      ::futimens(fd, times);
    }
    return {};
  }

  Result<void> publish_made() {
    COVE_TRY(finish_folders());
    COVE_TRY(made->folder.publish(made->parts.back(), made->shown));
    made.reset();
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
  impl->chain = FolderChain(impl->root.get());
  if (impl->root) return TreeWriter(std::move(impl));
  if (errno != ENOENT && errno != ENOTDIR) return Error::from_errno(errno, destination.string());
  if (into == TreeInto::kDirectory || slash) {
    return Error(Code::kFailedPrecondition, destination.string() + ": not an existing folder")
        .hint("make the folder first, or name a folder that is there");
  }
  NamedPlace place = COVE_TRY(find_named_place(plain));
  impl->root = std::move(place.folder);
  impl->chain = FolderChain(impl->root.get());
  impl->rename_to = std::move(place.name);
  impl->special_path = std::move(place.special);
  return TreeWriter(std::move(impl));
}

Result<void> TreeWriter::apply(const OpContext& ctx, const TreeChunk& chunk) {
  for (const auto& item : chunk.items()) COVE_TRY(impl_->item(ctx, item));
  if (chunk.has_totals()) impl_->ended = true;
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
  if (!impl_->ended)
    return Error(Code::kDataLoss, impl_->destination + ": the copy ended before everything had arrived");
  if (impl_->made) COVE_TRY(impl_->publish_made());
  COVE_TRY(impl_->finish_folders());
  return impl_->totals;
}

std::uint64_t TreeWriter::bytes() const { return impl_->totals.bytes(); }

}  // namespace cove
