#include "control/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/io.h"
#include "base/log.h"
#include "base/unix_socket.h"
#include "control/connection.h"
#include "control/hangup_watch.h"

namespace cove {
namespace {

// How long accepting rests when the process has no descriptor left.
constexpr auto kAcceptPause = std::chrono::milliseconds(200);

class Server final : public ControlServer {
 public:
  Server(EventLoop& loop, ControlServerOptions options, ControlHandler& handler, UniqueFd listener,
         std::unique_ptr<HangupWatch> hangups)
      : loop_(loop),
        options_(std::move(options)),
        handler_(handler),
        listener_(std::move(listener)),
        hangups_(std::move(hangups)) {
    listen();
  }

  ~Server() override {
    accepting_.reset();
    ::unlink(options_.socket.c_str());
    // All are told first, so that joining one does not wait for another's turn.
    for (auto& [id, connection] : connections_) connection->close();
    connections_.clear();
  }

  std::size_t connections() const override { return connections_.size(); }

 private:
  void listen() {
    accepting_ = loop_.watch(listener_.get(), Ready::kRead, [this] { accept_all(); });
  }

  void accept_all() {
    for (;;) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (fd) {
        admit(std::move(fd));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        log_warn("control connections rest", {{"reason", "no descriptors left"}});
        accepting_ = loop_.after(kAcceptPause, [this] { listen(); });
        return;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        return;
      }
    }
  }

  void admit(UniqueFd fd) {
    const auto peer = peer_uid(fd.get());
    if (!peer.ok() || (peer.value() != ::geteuid() && peer.value() != 0)) {
      log_warn("control connection refused", {{"reason", "another user"}});
      return turn_away(fd.get(), "unauthorized");
    }
    if (connections_.size() >= options_.max_connections) return turn_away(fd.get(), "too many connections");
    const std::uint64_t id = ++last_id_;
    const int number = fd.get();
    auto on_end = [this, id, alive = std::weak_ptr<char>(alive_)] {
      loop_.post([this, id, alive] {
        if (!alive.expired()) remove(id);
      });
    };
    auto connection = std::make_unique<Connection>(std::move(fd), options_, handler_, std::move(on_end));
    Connection* raw = connection.get();
    connections_[id] = std::move(connection);
    if (!hangups_->add(id, number, [raw] { raw->hang_up(); }).ok()) log_warn("hang-ups go unnoticed", {});
  }

  void turn_away(int fd, const char* reason) {
    const std::string line = std::string("{\"error\":\"") + reason + "\"}\n";
    [[maybe_unused]] const auto sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void remove(std::uint64_t id) {
    hangups_->remove(id);
    connections_.erase(id);
  }

  EventLoop& loop_;
  const ControlServerOptions options_;
  ControlHandler& handler_;
  UniqueFd listener_;
  std::unique_ptr<HangupWatch> hangups_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  Registration accepting_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(EventLoop& loop, ControlServerOptions options,
                                                            ControlHandler& handler) {
  if (options.token.empty()) return Error(Code::kFailedPrecondition, "the control token is empty");
  auto hangups = COVE_TRY(HangupWatch::create(loop));
  UniqueFd listener = COVE_TRY(listen_unix(options.socket, 128).context("control socket"));
  return std::unique_ptr<ControlServer>(
      new Server(loop, std::move(options), handler, std::move(listener), std::move(hangups)));
}

}  // namespace cove
