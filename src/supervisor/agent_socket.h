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
  static Result<std::unique_ptr<AgentSocket>> start(EventLoop& loop, const std::filesystem::path& path,
                                                    std::string token, GuestChannel& guest);
  ~AgentSocket();  // ends every call and joins
  AgentSocket(const AgentSocket&) = delete;

 private:
  using SharedChannel = std::shared_ptr<rpc::Channel>;
  struct Connection {
    CancelSource cancel;
    Thread thread;
  };

  AgentSocket(EventLoop& loop, GuestChannel& guest) : loop_(loop), guest_(guest) {}
  void build_handlers(const std::string& token);
  void admit(UniqueFd fd);
  Result<SharedChannel> upstream(const OpContext& ctx, std::uint32_t port);

  EventLoop& loop_;
  GuestChannel& guest_;
  rpc::Handlers handlers_;
  Guarded<std::map<std::uint32_t, SharedChannel>> channels_;  // by port
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<SocketAcceptor> acceptor_;
};

}  // namespace cove
