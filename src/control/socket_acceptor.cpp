#include "control/socket_acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

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

Result<std::unique_ptr<SocketAcceptor>> SocketAcceptor::create(EventLoop& loop, Options options) {
  UniqueFd listener = COVE_TRY(listen_unix(options.path, SOMAXCONN));
  return std::unique_ptr<SocketAcceptor>(new SocketAcceptor(loop, std::move(options), std::move(listener)));
}

SocketAcceptor::SocketAcceptor(EventLoop& loop, Options options, UniqueFd listener)
    : loop_(loop), options_(std::move(options)), listener_(std::move(listener)) {
  listen();
}

SocketAcceptor::~SocketAcceptor() { ::unlink(options_.path.c_str()); }

void SocketAcceptor::listen() {
  accepting_ = loop_.watch(listener_.get(), Ready::kRead, [this] { accept_all(); });
}

void SocketAcceptor::accept_all() {
  for (;;) {
    if (open_ >= options_.max_open) {
      if (!std::exchange(told_, true))
        log_warn("connections wait", {{"socket", options_.path.filename()}, {"open", std::to_string(open_)}});
      full_ = true;
      accepting_.reset();
      return;
    }
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      admit(std::move(fd));
    } else if (out_of_descriptors(errno)) {
      log_warn("connections rest", {{"socket", options_.path.filename()}, {"reason", "no descriptors left"}});
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
    log_warn("connection refused", {{"socket", options_.path.filename()}, {"reason", "another user"}});
    return turn_away(fd.get(), "unauthorized");
  }
  ++open_;
  options_.on_connection(std::move(fd));
}

void SocketAcceptor::ended() {
  --open_;
  if (std::exchange(full_, false)) listen();
}

std::size_t connections_within(std::uint64_t descriptors) {
  constexpr std::uint64_t kOwn = 256;
  constexpr std::uint64_t kPerConnection = 16;
  constexpr std::uint64_t kMost = 512;
  const std::uint64_t room = descriptors > kOwn ? (descriptors - kOwn) / kPerConnection : 0;
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(room, 8, kMost));
}

void turn_away(int fd, const char* reason) {
  const std::string line = std::string("{\"error\":\"") + reason + "\"}\n";
  [[maybe_unused]] const auto sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace cove
