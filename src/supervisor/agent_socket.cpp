#include "supervisor/agent_socket.h"

#include "agent/rpc_agent_client.h"
#include "base/log.h"
#include "rpc/proxy.h"

namespace cove {
namespace {

bool wants_user_realm(const rpc::ServerStream& stream) {
  return realm_of_path(stream.path()) == GuestAgentClient::Realm::kUser ||
         rpc::find_metadata(stream.metadata(), "cove-realm") == "user";
}

}  // namespace

Result<std::unique_ptr<AgentSocket>> AgentSocket::start(EventLoop& loop, Options options,
                                                        GuestChannel& guest) {
  std::unique_ptr<AgentSocket> socket(new AgentSocket(loop, guest));
  socket->build_handlers(options.token);
  const auto admit = [raw = socket.get()](UniqueFd fd) { raw->admit(std::move(fd)); };
  socket->acceptor_ =
      COVE_TRY(SocketAcceptor::create(loop, {std::move(options.path), options.max_connections, admit})
                   .context("agent socket"));
  return socket;
}

AgentSocket::~AgentSocket() {
  acceptor_.reset();
  for (auto& [id, connection] : connections_) connection->cancel.cancel();
  connections_.clear();
}

void AgentSocket::build_handlers(const std::string& token) {
  const auto proxy_to = [&](Guarded<Upstream>& realm, std::uint32_t port) {
    return rpc::make_proxy({token, [this, &realm, port](const OpContext& ctx, std::string_view) {
                              return upstream(ctx, realm, port);
                            }});
  };
  handlers_.fallback([system = proxy_to(system_, kSystemRealmPort), user = proxy_to(user_, kUserRealmPort)](
                         const OpContext& ctx, rpc::ServerStream& stream) {
    return wants_user_realm(stream) ? user(ctx, stream) : system(ctx, stream);
  });
}

Result<AgentSocket::SharedChannel> AgentSocket::connect(const OpContext& ctx, std::uint32_t port) {
  UniqueFd stream = COVE_TRY(guest_.connect(ctx, port));
  return SharedChannel(COVE_TRY(rpc::Channel::create(std::move(stream), {})));
}

// One call connects, which may take as long as the guest's boot; the others wait for it, each as long as its
// own caller does, and the next of them tries when it failed.
Result<AgentSocket::SharedChannel> AgentSocket::upstream(const OpContext& ctx, Guarded<Upstream>& realm,
                                                         std::uint32_t port) {
  SharedChannel known;
  const auto usable = [](const Upstream& state) { return state.channel && state.channel->usable(); };
  COVE_TRY(realm.wait(
      ctx, [&](const Upstream& state) { return usable(state) || !state.connecting; },
      [&](Upstream& state) {
        if (usable(state))
          known = state.channel;
        else
          state.connecting = true;
      }));
  if (known) return known;
  auto fresh = connect(ctx, port);
  SharedChannel old;  // goes after the lock: it joins a thread
  realm.with([&](Upstream& state) {
    state.connecting = false;
    if (fresh.ok()) old = std::exchange(state.channel, *fresh);
  });
  return fresh;
}

void AgentSocket::admit(UniqueFd fd) {
  const std::uint64_t id = ++last_id_;
  auto connection = std::make_unique<Connection>();
  auto shared = std::make_shared<UniqueFd>(std::move(fd));
  const OpContext ctx{connection->cancel.token(), {}};
  connection->thread = Thread("agent-relay", [this, id, ctx, shared, alive = std::weak_ptr<char>(alive_)] {
    const auto served = rpc::serve(ctx, std::move(*shared), handlers_);
    if (!served.ok()) log_debug("agent connection ended", {{"reason", served.error().message()}});
    loop_.post([this, id, alive] {
      if (!alive.expired()) remove(id);
    });
  });
  connections_[id] = std::move(connection);
}

void AgentSocket::remove(std::uint64_t id) {
  connections_.erase(id);
  acceptor_->ended();
}

}  // namespace cove
