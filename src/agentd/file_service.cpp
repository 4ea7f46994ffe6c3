#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agentd/services.h"
#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"
#include "proto/agent.pb.h"

namespace cove::agentd {
namespace {

using namespace vz::agent::v1;

constexpr std::size_t kFileChunkBytes = std::size_t{256} << 10U;
constexpr std::uint64_t kMaxReply = std::uint64_t{15} << 20U;

Result<void> check_path(const std::string& path) {
  if (path.empty()) return Error(Code::kInvalidArgument, "path required");
  if (path.find('\0') != std::string::npos) return Error(Code::kInvalidArgument, "a path holds a NUL byte");
  return {};
}

mode_t mode_or(std::uint32_t mode, mode_t otherwise) {
  return (mode & 07777U) == 0 ? otherwise : static_cast<mode_t>(mode & 0777U);
}

Result<void> make_parents(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? Result<void>() : make_directories(parent);
}

// A file that appears under its name only when it is whole: the temporary sits in the same folder, is never
// followed through a link, and goes away with this object.
class NewFile {
 public:
  static Result<NewFile> create(const std::string& path, std::uint32_t mode) {
    NewFile file;
    file.path_ = path;
    struct stat info {};
    const bool exists = ::stat(path.c_str(), &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) return Error::from_errno(EISDIR, path);
    // A link keeps being one: what it points at is replaced.
    if (exists) {
      std::error_code ignored;
      const auto target = std::filesystem::canonical(path, ignored);
      if (!ignored) file.path_ = target.string();
    }
    if (exists && !S_ISREG(info.st_mode)) {  // a device or a pipe: written in place
      file.fd_ = COVE_TRY(open_file(path, O_WRONLY | O_CLOEXEC));
      return file;
    }
    file.temporary_ = file.path_ + ".cove-" + hex_encode(random_bytes(8));
    auto fd = open_file(file.temporary_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fd.ok()) return Error::from_errno(fd.error().error_number(), path);  // it asked for this name
    file.fd_ = std::move(*fd);
    const mode_t wanted = mode_or(mode, exists ? info.st_mode & 07777U : 0644);
    if (exists && ::fchown(file.fd_.get(), info.st_uid, info.st_gid) < 0 && errno != EPERM)
      return Error::from_errno(errno, path);
    if (::fchmod(file.fd_.get(), wanted) < 0) return Error::from_errno(errno, path);
    return file;
  }
  NewFile(NewFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::move(other.fd_)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  int fd() const { return fd_.get(); }
  Result<void> commit() {
    if (temporary_.empty()) return {};
    if (::fsync(fd_.get()) < 0) return Error::from_errno(errno, path_);
    if (::rename(temporary_.c_str(), path_.c_str()) < 0) return Error::from_errno(errno, path_);
    temporary_.clear();
    return {};
  }

 private:
  NewFile() = default;
  std::string path_;
  std::string temporary_;
  UniqueFd fd_;
};

Result<void> append_to(const OpContext& ctx, const WriteFileRequest& request) {
  const UniqueFd fd = COVE_TRY(
      open_file(request.path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode_or(request.mode(), 0644)));
  return write_all(ctx, fd.get(), request.data());
}

Result<void> write_whole(const OpContext& ctx, const WriteFileRequest& request, WriteFileResponse&) {
  COVE_TRY(check_path(request.path()));
  if (request.create_parents()) COVE_TRY(make_parents(request.path()));
  if (request.append()) return append_to(ctx, request);
  NewFile file = COVE_TRY(NewFile::create(request.path(), request.mode()));
  COVE_TRY(write_all(ctx, file.fd(), request.data()).context(request.path()));
  return file.commit();
}

Result<void> copy_in(const OpContext& ctx, rpc::ServerStream& stream) {
  CopyInChunk chunk;
  if (!COVE_TRY(stream.read(ctx, chunk)) || !chunk.has_init())
    return Error(Code::kInvalidArgument, "the first message must be init");
  const CopyInInit init = chunk.init();
  COVE_TRY(check_path(init.path()));
  if (init.create_parents()) COVE_TRY(make_parents(init.path()));
  NewFile file = COVE_TRY(NewFile::create(init.path(), init.mode()));
  while (COVE_TRY(stream.read(ctx, chunk))) {
    if (chunk.has_init()) return Error(Code::kInvalidArgument, "init comes once");
    COVE_TRY(write_all(ctx, file.fd(), chunk.data()).context(init.path()));
  }
  COVE_TRY(file.commit());
  return stream.write_last(CopyInResponse());
}

struct Opened {
  UniqueFd fd;
  struct stat info;
};

Result<Opened> open_for_reading(const std::string& path) {
  COVE_TRY(check_path(path));
  Opened opened{COVE_TRY(open_file(path, O_RDONLY | O_NONBLOCK)), {}};
  if (::fstat(opened.fd.get(), &opened.info) < 0) return Error::from_errno(errno, path);
  if (S_ISDIR(opened.info.st_mode)) return Error::from_errno(EISDIR, path);
  return opened;
}

Result<void> copy_out(const OpContext& ctx, const CopyOutRequest& request, rpc::ServerStream& stream) {
  const Opened file = COVE_TRY(open_for_reading(request.path()));
  CopyOutChunk chunk;
  chunk.mutable_init()->set_total_size(static_cast<std::uint64_t>(file.info.st_size));
  chunk.mutable_init()->set_mode(file.info.st_mode & 0777U);
  COVE_TRY(stream.write(ctx, chunk));
  for (;;) {
    std::string& data = *chunk.mutable_data();
    data.resize(kFileChunkBytes);
    data.resize(COVE_TRY(read_some(ctx, file.fd.get(), data).context(request.path())));
    if (data.empty()) return {};
    COVE_TRY(stream.write(ctx, chunk));
  }
}

// Files of /proc tell no size, so what there is to read decides, not st_size.
Result<void> read_part(const OpContext& ctx, const ReadFileRequest& request, ReadFileResponse& reply) {
  auto opened = open_for_reading(request.path());
  if (!opened.ok() && opened.error().code() == Code::kNotFound)
    return std::move(opened).error().context("stat");
  const Opened file = COVE_TRY(std::move(opened));
  if (request.offset() > 0 && ::lseek(file.fd.get(), static_cast<off_t>(request.offset()), SEEK_SET) < 0)
    return Error::from_errno(errno, request.path());
  const std::uint64_t wanted = request.has_limit() ? std::min(request.limit(), kMaxReply) : kMaxReply + 1;
  std::string& data = *reply.mutable_data();
  while (data.size() < wanted) {
    const std::size_t before = data.size();
    data.resize(before + static_cast<std::size_t>(std::min<std::uint64_t>(kFileChunkBytes, wanted - before)));
    const auto count = read_some(ctx, file.fd.get(), std::span(data).subspan(before));
    data.resize(before + (count.ok() ? *count : 0));
    if (!count.ok()) return count.error();
    if (*count == 0) break;
  }
  if (data.size() > kMaxReply)
    return Error(Code::kResourceExhausted, request.path() + " is larger than 15 MiB")
        .hint("read it in parts or use the streaming copy");
  reply.set_size(static_cast<std::uint64_t>(file.info.st_size));
  reply.set_mode(file.info.st_mode & 0777U);
  return {};
}

Result<void> make_directory(const OpContext&, const MkdirRequest& request, MkdirResponse&) {
  COVE_TRY(check_path(request.path()));
  const mode_t mode = mode_or(request.mode(), 0755);
  if (request.all()) return make_directories(request.path(), mode);
  if (::mkdir(request.path().c_str(), mode) < 0 || ::chmod(request.path().c_str(), mode) < 0)
    return Error::from_errno(errno, request.path());
  return {};
}

}  // namespace

void register_file_service(rpc::Handlers& handlers, const Realm&) {
  const std::string service = "/vz.agent.v1.Agent/";
  handlers.stream(service + "CopyIn", copy_in);
  handlers.server_streaming<CopyOutRequest>(service + "CopyOut", copy_out);
  handlers.unary<WriteFileRequest, WriteFileResponse>(service + "WriteFile", write_whole);
  handlers.unary<ReadFileRequest, ReadFileResponse>(service + "ReadFile", read_part);
  handlers.unary<MkdirRequest, MkdirResponse>(service + "Mkdir", make_directory);
}

}  // namespace cove::agentd
