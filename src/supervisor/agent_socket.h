// AgentSocket: agent.sock: gRPC for the CLI's bulk work, relayed to the guest's agent without a look into the
// messages. Calls carry "authorization: Bearer <control.token>"; a call of the user realm's service, or one
// with the metadata "cove-realm: user", goes to the user's port, every other to root's. Made and destroyed on
// the loop's thread; a thread for each connection.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/guarded.h"
#include "base/thread.h"
#include "channel/guest_channel.h"
#include "control/socket_acceptor.h"
#include "rpc/channel.h"
#include "rpc/server.h"

namespace cove {

class AgentSocket {
 public:
  struct Options {
    std::filesystem::path path;
    std::string token;
    std::size_t max_connections = 64;  // open at once; more wait to be accepted
  };
  static Result<std::unique_ptr<AgentSocket>> start(EventLoop& loop, Options options, GuestChannel& guest);
  ~AgentSocket();  // ends every call and joins
  AgentSocket(const AgentSocket&) = delete;

 private:
  using SharedChannel = std::shared_ptr<rpc::Channel>;
  struct Upstream {
    SharedChannel channel;
    bool connecting = false;
  };
  struct Connection {
    CancelSource cancel;
    Thread thread;
  };

  AgentSocket(EventLoop& loop, GuestChannel& guest) : loop_(loop), guest_(guest) {}
  void build_handlers(const std::string& token);
  void admit(UniqueFd fd);
  void remove(std::uint64_t id);
  Result<SharedChannel> upstream(const OpContext& ctx, Guarded<Upstream>& realm, std::uint32_t port);
  Result<SharedChannel> connect(const OpContext& ctx, std::uint32_t port);

  EventLoop& loop_;
  GuestChannel& guest_;
  rpc::Handlers handlers_;
  Guarded<Upstream> system_;
  Guarded<Upstream> user_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<SocketAcceptor> acceptor_;
};

}  // namespace cove
