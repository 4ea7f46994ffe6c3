#include "supervisor/agent_socket.h"

#include "agent/rpc_agent_client.h"
#include "base/log.h"
#include "rpc/proxy.h"

namespace cove {
namespace {

constexpr std::size_t kMaxConnections = 64;
bool wants_user_realm(const rpc::ServerStream& stream) {
  return realm_of_path(stream.path()) == GuestAgentClient::Realm::kUser ||
         rpc::find_metadata(stream.metadata(), "cove-realm") == "user";
}

}  // namespace

Result<std::unique_ptr<AgentSocket>> AgentSocket::start(EventLoop& loop, const std::filesystem::path& path,
                                                        std::string token, GuestChannel& guest) {
  std::unique_ptr<AgentSocket> socket(new AgentSocket(loop, guest));
  socket->build_handlers(token);
  socket->acceptor_ = COVE_TRY(SocketAcceptor::create(loop, path, [raw = socket.get()](UniqueFd fd) {
                                 raw->admit(std::move(fd));
                               }).context("agent socket"));
  return socket;
}

AgentSocket::~AgentSocket() {
  acceptor_.reset();
  for (auto& [id, connection] : connections_) connection->cancel.cancel();
  connections_.clear();
}

void AgentSocket::build_handlers(const std::string& token) {
  const auto proxy_to = [&](std::uint32_t port) {
    return rpc::make_proxy(
        {token, [this, port](const OpContext& ctx, std::string_view) { return upstream(ctx, port); }});
  };
  handlers_.fallback([system = proxy_to(kSystemRealmPort), user = proxy_to(kUserRealmPort)](
                         const OpContext& ctx, rpc::ServerStream& stream) {
    return wants_user_realm(stream) ? user(ctx, stream) : system(ctx, stream);
  });
}

Result<AgentSocket::SharedChannel> AgentSocket::upstream(const OpContext& ctx, std::uint32_t port) {
  auto known = channels_.read([&](const auto& channels) {
    const auto found = channels.find(port);
    return found == channels.end() ? nullptr : found->second;
  });
  if (known != nullptr && known->usable()) return known;
  // Connecting may take as long as the guest's boot: not under the lock. Of two that connect at once the
  // later stays; the other serves its one call.
  UniqueFd stream = COVE_TRY(guest_.connect(ctx, port));
  SharedChannel fresh(COVE_TRY(rpc::Channel::create(std::move(stream), {})));
  channels_.with([&](auto& channels) { std::swap(channels[port], known = fresh); });
  return fresh;
}

void AgentSocket::admit(UniqueFd fd) {
  if (connections_.size() >= kMaxConnections) {
    log_warn("agent connection refused", {{"reason", "too many connections"}});
    return;
  }
  const std::uint64_t id = ++last_id_;
  auto connection = std::make_unique<Connection>();
  auto shared = std::make_shared<UniqueFd>(std::move(fd));
  const OpContext ctx{connection->cancel.token(), {}};
  connection->thread = Thread("agent-relay", [this, id, ctx, shared, alive = std::weak_ptr<char>(alive_)] {
    const auto served = rpc::serve(ctx, std::move(*shared), handlers_);
    if (!served.ok()) log_debug("agent connection ended", {{"reason", served.error().message()}});
    loop_.post([this, id, alive] {
      if (!alive.expired()) connections_.erase(id);
    });
  });
  connections_[id] = std::move(connection);
}

}  // namespace cove
