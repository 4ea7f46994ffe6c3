#include "supervisor/agent_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/exec_pump.h"
#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove {
namespace {

using Realm = GuestAgentClient::Realm;

// $1 target, $2 mode. The part file is made by mktemp beside the target.
constexpr const char* kReceive =
    R"sh(set -e; mkdir -p "$(dirname "$1")"; part=$(mktemp "$1.XXXXXX"); trap 'rm -f "$part"' EXIT
cat > "$part"; chmod "$2" "$part"; mv -f "$part" "$1")sh";

std::string octal(std::uint32_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 0777U);
  return text;
}

Error guest_failed(const ExecEnd& end, const std::string& err) {
  const std::string words(trim(err));
  return Error(Code::kAborted, "copying in the guest failed (" + end.status.describe() + ")" +
                                   (words.empty() ? "" : ": " + words));
}

class Collect final : public ExecSink {
 public:
  explicit Collect(int file) : file_(file) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    if (stream == ExecStream::kStderr) {
      err.append(bytes.substr(0, 4096 - std::min<std::size_t>(4096, err.size())));
      return {};
    }
    count += bytes.size();
    return file_ < 0 ? Result<void>() : write_all({}, file_, bytes);
  }
  std::string err;
  std::uint64_t count = 0;

 private:
  int file_;
};

Result<std::uint64_t> feed(const OpContext& ctx, ExecSession& session, int file) {
  std::string chunk(std::size_t{256} << 10U, '\0');
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t count = ::read(file, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read");
    if (count == 0) break;
    total += static_cast<std::uint64_t>(count);
    COVE_TRY(session.write_stdin(ctx, {chunk.data(), static_cast<std::size_t>(count)}));
  }
  COVE_TRY(session.close_stdin(ctx));
  return total;
}

}  // namespace

Result<std::uint64_t> copy_file_to_guest(const OpContext& ctx, GuestAgentClient& agent,
                                         const std::filesystem::path& host_path,
                                         const std::string& guest_path, std::uint32_t mode) {
  const UniqueFd file = COVE_TRY(open_file(host_path, O_RDONLY));
  struct stat status {};
  if (::fstat(file.get(), &status) < 0) return Error::from_errno(errno, host_path.string());
  if (!S_ISREG(status.st_mode)) {
    return Error(Code::kInvalidArgument, host_path.string() + " is not a regular file")
        .hint("cove cp copies trees");
  }
  ExecRequest request;
  request.args = {"/bin/sh", "-c", kReceive, "cove-cp", guest_path, octal(mode != 0 ? mode : status.st_mode)};
  request.standard_input = ExecRequest::Stdin::kStream;
  request.working_directory = "/";
  const auto session = COVE_TRY(agent.attach(ctx, Realm::kSystem, request));
  auto fed = feed(ctx, *session, file.get());
  // A command that ended early says why; only then does a failed write count by itself.
  Collect sink(-1);
  const ExecEnd end = COVE_TRY(session->wait(ctx, sink));
  if (!end.status.success()) return guest_failed(end, sink.err);
  return fed;
}

Result<std::uint64_t> copy_file_from_guest(const OpContext& ctx, GuestAgentClient& agent,
                                           const std::string& guest_path,
                                           const std::filesystem::path& host_path) {
  const std::filesystem::path part = host_path.string() + ".cove-" + hex_encode(random_bytes(4));
  const UniqueFd file = COVE_TRY(open_file(part, O_WRONLY | O_CREAT | O_EXCL, 0644));
  const auto copy = [&]() -> Result<std::uint64_t> {
    Collect sink(file.get());
    ExecRequest request;
    request.args = {"cat", "--", guest_path};
    request.working_directory = "/";
    const ExecEnd end = COVE_TRY(agent.exec_stream(ctx, Realm::kSystem, request, sink));
    if (!end.status.success()) return guest_failed(end, sink.err);
    if (::fsync(file.get()) < 0) return Error::from_errno(errno, part.string());
    COVE_TRY(rename_durably(part, host_path));
    return sink.count;
  };
  auto copied = copy();
  if (!copied.ok()) ::unlink(part.c_str());
  return copied;
}

}  // namespace cove
