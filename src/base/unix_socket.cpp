#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/io.h"

namespace cove {
namespace {

struct Address {
  sockaddr_un socket_address{};
  UniqueFd directory;  // keeps /proc/self/fd/N alive while the address is used
};

Result<Address> address_of(const std::filesystem::path& path) {
  Address address;
  address.socket_address.sun_family = AF_UNIX;
  std::string name = path.string();
  if (name.size() >= sizeof address.socket_address.sun_path) {
    address.directory.reset(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.directory) return Error::from_errno(errno, path.parent_path().string());
    name = "/proc/self/fd/" + std::to_string(address.directory.get()) + "/" + path.filename().string();
  }
  if (name.size() >= sizeof address.socket_address.sun_path) {
    return Error(Code::kInvalidArgument, "socket name too long: " + path.string());
  }
  std::memcpy(address.socket_address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

}  // namespace

Result<UniqueFd> listen_unix(const std::filesystem::path& path, int backlog) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  const std::filesystem::path temporary =
      path.parent_path() / ("." + path.filename().string() + "." + std::to_string(::getpid()));
  ::unlink(temporary.c_str());
  Address address = COVE_TRY(address_of(temporary));
  // The socket's own mode decides who may connect from its first moment: set before bind.
  if (::fchmod(fd.get(), 0600) < 0) return Error::from_errno(errno, "chmod socket");
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address.socket_address), sizeof address.socket_address) <
      0) {
    return Error::from_errno(errno, path.string());
  }
  const bool done = ::chmod(temporary.c_str(), 0600) == 0 && ::listen(fd.get(), backlog) == 0 &&
                    ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!done) {
    Error error = Error::from_errno(errno, path.string());
    ::unlink(temporary.c_str());
    return error;
  }
  return fd;
}

Result<UniqueFd> connect_unix(const OpContext& ctx, const std::filesystem::path& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  Address address = COVE_TRY(address_of(path));
  for (;;) {
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address.socket_address),
                  sizeof address.socket_address) == 0) {
      return fd;
    }
    // EAGAIN: the backlog is full; a local socket has no "in progress" to poll for, so try again shortly.
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno(errno, path.string());
    OpContext pause = ctx.with_timeout(std::chrono::milliseconds(5));
    auto waited = wait_ready(pause, -1, Ready::kRead);
    COVE_TRY(ctx.check());
  }
}

Result<uid_t> peer_uid(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    return Error::from_errno(errno, "peer credentials");
  }
  return credentials.uid;
}

}  // namespace cove
