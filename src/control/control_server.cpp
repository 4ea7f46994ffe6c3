#include "control/control_server.h"

#include <map>

#include "base/log.h"
#include "control/connection.h"
#include "control/hangup_watch.h"
#include "control/socket_acceptor.h"

namespace cove {
namespace {

class Server final : public ControlServer {
 public:
  Server(EventLoop& loop, ControlServerOptions options, ControlHandler& handler,
         std::unique_ptr<HangupWatch> hangups)
      : loop_(loop), options_(std::move(options)), handler_(handler), hangups_(std::move(hangups)) {}

  ~Server() override {
    acceptor_.reset();
    // All are told first, so that joining one does not wait for another's turn.
    for (auto& [id, connection] : connections_) connection->close();
    connections_.clear();
  }

  Result<void> listen() {
    acceptor_ = COVE_TRY(SocketAcceptor::create(
        loop_, {options_.socket, options_.max_connections, [this](UniqueFd fd) { admit(std::move(fd)); }}));
    return {};
  }

  std::size_t connections() const override { return connections_.size(); }

  void drain(std::chrono::milliseconds limit, std::function<void()> done) override {
    acceptor_.reset();
    drained_ = std::move(done);
    drain_limit_ = loop_.after(limit, [this] { end_drain(); });
    for (auto& [id, connection] : connections_) connection->finish();
    if (connections_.empty()) end_drain();
  }

 private:
  void admit(UniqueFd fd) {
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

  void remove(std::uint64_t id) {
    hangups_->remove(id);
    connections_.erase(id);
    if (acceptor_) acceptor_->ended();
    if (connections_.empty()) end_drain();
  }

  // Later: the caller of drain() may not expect to be called back at once.
  void end_drain() {
    drain_limit_.reset();
    if (drained_) loop_.post(std::exchange(drained_, nullptr));
  }

  EventLoop& loop_;
  const ControlServerOptions options_;
  ControlHandler& handler_;
  std::unique_ptr<HangupWatch> hangups_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_id_ = 0;
  std::function<void()> drained_;  // set while draining
  Registration drain_limit_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<SocketAcceptor> acceptor_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(EventLoop& loop, ControlServerOptions options,
                                                            ControlHandler& handler) {
  if (options.token.empty()) return Error(Code::kFailedPrecondition, "the control token is empty");
  auto hangups = COVE_TRY(HangupWatch::create(loop));
  auto server = std::make_unique<Server>(loop, std::move(options), handler, std::move(hangups));
  COVE_TRY(server->listen().context("control socket"));
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace cove
