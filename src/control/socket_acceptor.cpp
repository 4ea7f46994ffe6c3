#include "control/socket_acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/unix_socket.h"

namespace cove {
namespace {

// How long accepting rests when the process has no descriptor left.
constexpr auto kAcceptPause = std::chrono::milliseconds(200);

bool out_of_descriptors(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM ||
         error_number == ENOBUFS;
}

}  // namespace

Result<std::unique_ptr<SocketAcceptor>> SocketAcceptor::create(EventLoop& loop,
                                                               const std::filesystem::path& path,
                                                               std::function<void(UniqueFd)> on_connection) {
  UniqueFd listener = COVE_TRY(listen_unix(path, 128));
  return std::unique_ptr<SocketAcceptor>(
      new SocketAcceptor(loop, path, std::move(listener), std::move(on_connection)));
}

SocketAcceptor::SocketAcceptor(EventLoop& loop, std::filesystem::path path, UniqueFd listener,
                               std::function<void(UniqueFd)> on_connection)
    : loop_(loop),
      path_(std::move(path)),
      listener_(std::move(listener)),
      on_connection_(std::move(on_connection)) {
  listen();
}

SocketAcceptor::~SocketAcceptor() { ::unlink(path_.c_str()); }

void SocketAcceptor::listen() {
  accepting_ = loop_.watch(listener_.get(), Ready::kRead, [this] { accept_all(); });
}

void SocketAcceptor::accept_all() {
  for (;;) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      admit(std::move(fd));
    } else if (out_of_descriptors(errno)) {
      log_warn("connections rest", {{"socket", path_.filename()}, {"reason", "no descriptors left"}});
      accepting_ = loop_.after(kAcceptPause, [this] { listen(); });
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void SocketAcceptor::admit(UniqueFd fd) {
  const auto peer = peer_uid(fd.get());
  if (!peer.ok() || (peer.value() != ::geteuid() && peer.value() != 0)) {
    log_warn("connection refused", {{"socket", path_.filename()}, {"reason", "another user"}});
    return turn_away(fd.get(), "unauthorized");
  }
  on_connection_(std::move(fd));
}

void turn_away(int fd, const char* reason) {
  const std::string line = std::string("{\"error\":\"") + reason + "\"}\n";
  [[maybe_unused]] const auto sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace cove
